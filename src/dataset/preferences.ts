import { standing } from '../core/feedback.ts';
import type { AnswerRef, CompletionRecord, FeedbackRecord } from '../store/types.ts';
import type { PreferredExample } from './collect.ts';
import { preferred } from './preferred.ts';

/** Preferences between answers, gathered from the feedback on both. */
export interface Preferences {
  note(completion: CompletionRecord, events: readonly FeedbackRecord[]): void;
  /** Those where both answers may be learned from; sorted. */
  decided(): PreferredExample[];
}

/** Gathers preferences while completions go by. */
export function createPreferences(): Preferences {
  const events = new Map<string, FeedbackRecord[]>();
  const wanted = new Map<string, [AnswerRef, AnswerRef]>();
  const usable = new Set<string>();

  function decide(chosen: AnswerRef, other: AnswerRef): PreferredExample | null {
    if (!usable.has(other.completionId)) return null;
    const said = [...(events.get(nameOf(chosen)) ?? []), ...(events.get(nameOf(other)) ?? [])];
    const word = preferred(said, chosen, other);
    if (word !== 'first' && word !== 'disputed') return null;
    const feedback = said.filter(({ over, tiedWith }) => over !== undefined || tiedWith !== undefined);
    return {
      completion: chosen.completionId,
      choice: chosen.choice,
      over: { completion: other.completionId, choice: other.choice },
      feedback: feedback.map(({ id }) => id).sort(),
      ...(word === 'disputed' && { disputed: true }),
    };
  }

  return {
    note({ id, state }, said) {
      if (state !== 'complete') return;
      usable.add(id);
      for (const event of standing(said)) {
        const { completionId, choice, over, tiedWith } = event;
        if (over === undefined && tiedWith === undefined) continue;
        const chosen = { completionId, choice };
        const name = nameOf(chosen);
        events.set(name, [...(events.get(name) ?? []), event]);
        for (const other of over ?? []) wanted.set(`${name}>${nameOf(other)}`, [chosen, other]);
      }
    },
    decided: () =>
      [...wanted.values()]
        .flatMap(([chosen, other]) => decide(chosen, other) ?? [])
        .sort((a, b) => byAnswer(a, b) || byAnswer(a.over, b.over)),
  };
}

/** By completion, then by choice. */
export function byAnswer(a: { completion: string; choice: number }, b: { completion: string; choice: number }): number {
  if (a.completion !== b.completion) return a.completion < b.completion ? -1 : 1;
  return a.choice - b.choice;
}

function nameOf({ completionId, choice }: AnswerRef): string {
  return `${completionId}.${choice}`;
}
