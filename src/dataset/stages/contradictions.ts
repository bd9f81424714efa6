import type { Draft } from '../draft.ts';
import type { StageReport } from '../report.ts';

/** Two drafts that cannot both be right. */
export type Contradiction = readonly [Draft, Draft];

/**
 * Sets aside what people contradict each other in, for a person to decide: an answer that is learned and bad, by the letters
 * and digits that prompt and answer have, and two answers that are each preferred over the other. `near` are those that
 * the search for near duplicates found.
 */
export function setAsideContradictions(
  drafts: readonly Draft[],
  stage: StageReport,
  near: readonly Contradiction[] = [],
): Draft[] {
  if (drafts.every(({ kind }) => kind === 'learn')) return [...drafts];
  const against = new Map<string, string>();
  const note = (one: Draft, other: Draft): void => {
    against.set(one.id, against.get(one.id) ?? other.id);
    against.set(other.id, against.get(other.id) ?? one.id);
  };
  for (const [one, other] of near) note(one, other);
  const byKey = new Map<string, Draft>();
  const doubtful = ofDoubtfulPrompts(drafts);
  for (const draft of doubtful) for (const key of keysOf(draft)) if (!byKey.has(key)) byKey.set(key, draft);
  for (const draft of doubtful) {
    for (const key of oppositesOf(draft)) {
      const other = byKey.get(key);
      if (other) note(draft, other);
    }
  }
  return drafts.filter(({ id }) => {
    const of = against.get(id);
    if (of === undefined) return true;
    stage.drop(id, 'contradiction', of);
    return false;
  });
}

/** Those whose prompt has more than answers that are learned. */
function ofDoubtfulPrompts(drafts: readonly Draft[]): Draft[] {
  const isDoubtful: boolean[] = [];
  for (const { kind, promptKey } of drafts) if (kind !== 'learn') isDoubtful[promptKey] = true;
  return drafts.filter(({ promptKey }) => isDoubtful[promptKey]);
}

function keysOf({ kind, promptKey, answerKey, worseKey, bareKey }: Draft): string[] {
  return [`${kind} ${promptKey} ${kind === 'prefer' ? `${answerKey}>${worseKey}` : bareKey}`];
}

function oppositesOf({ kind, promptKey, answerKey, worseKey, bareKey }: Draft): string[] {
  if (kind === 'prefer') return [`prefer ${promptKey} ${worseKey}>${answerKey}`];
  return [`${kind === 'learn' ? 'reject' : 'learn'} ${promptKey} ${bareKey}`];
}
