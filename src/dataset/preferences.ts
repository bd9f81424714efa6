import { standing } from '../core/feedback.ts';
import type { AnswerRef, CompletionRecord, FeedbackRecord } from '../store/types.ts';
import type { PreferredExample } from './collect.ts';
import { preferred } from './preferred.ts';

/** Preferences between answers, gathered from the feedback on both. */
export interface Preferences {
  note(completion: CompletionRecord, events: readonly FeedbackRecord[]): void;
  /** All of them, sorted, with why one is none. The other answer may have no feedback of its own: `usable` is asked then. */
  decided(usable: (completionId: string) => Promise<boolean>): Promise<PreferredExample[]>;
}

/** Gathers preferences while completions go by. */
export function createPreferences(): Preferences {
  const events = new Map<string, FeedbackRecord[]>();
  const wanted = new Map<string, [AnswerRef, AnswerRef]>();
  const known = new Set<string>();

  function saidOf(chosen: AnswerRef, other: AnswerRef): FeedbackRecord[] {
    return [...(events.get(nameOf(chosen)) ?? []), ...(events.get(nameOf(other)) ?? [])];
  }

  return {
    note({ id, state }, said) {
      if (state !== 'complete') return;
      known.add(id);
      for (const event of standing(said)) {
        const { completionId, choice, over, tiedWith } = event;
        if (over === undefined && tiedWith === undefined) continue;
        const chosen = { completionId, choice };
        const name = nameOf(chosen);
        events.set(name, [...(events.get(name) ?? []), event]);
        for (const other of over ?? []) wanted.set(`${name}>${nameOf(other)}`, [chosen, other]);
      }
    },
    async decided(usable) {
      const found: PreferredExample[] = [];
      for (const [chosen, other] of wanted.values()) {
        const said = saidOf(chosen, other);
        const word = preferred(said, chosen, other);
        if (word !== 'first' && word !== 'disputed') continue;
        const fair = known.has(other.completionId) || (await usable(other.completionId));
        const fault = !fair ? 'other_answer_may_not_be_learned' : word === 'disputed' ? 'raters_disagree' : null;
        found.push({
          completion: chosen.completionId,
          choice: chosen.choice,
          over: { completion: other.completionId, choice: other.choice },
          feedback: said.map(({ id }) => id).sort(),
          ...(fault !== null && { fault }),
        });
      }
      return found.sort((a, b) => byAnswer(a, b) || byAnswer(a.over, b.over));
    },
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
