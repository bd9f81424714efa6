import { type Drafts, type Indexes, keepOf, learn, prefer, reject } from '../drafts.ts';
import type { StageReport } from '../report.ts';

/** Two drafts that cannot both be right. */
export type Contradiction = readonly [number, number];

/**
 * Sets aside what people contradict each other in, for a person to decide: an answer that is learned and bad, by the letters
 * and digits that prompt and answer have, and two answers that are each preferred over the other. `near` are those that
 * the search for near duplicates found.
 */
export function setAsideContradictions(
  input: Indexes,
  stage: StageReport,
  drafts: Drafts,
  near: readonly Contradiction[] = [],
): Indexes {
  const { kind } = drafts;
  if (input.every((draft) => kind[draft] === learn)) return input;
  const against = new Map<number, number>();
  const note = (one: number, other: number): void => {
    against.set(one, against.get(one) ?? other);
    against.set(other, against.get(other) ?? one);
  };
  for (const [one, other] of near) note(one, other);
  const byKey = new Map<string, number>();
  const doubtful = ofDoubtfulPrompts(input, drafts);
  for (const draft of doubtful) {
    const key = keyOf(draft, drafts);
    if (!byKey.has(key)) byKey.set(key, draft);
  }
  for (const draft of doubtful) {
    const other = byKey.get(oppositeOf(draft, drafts));
    if (other !== undefined) note(draft, other);
  }
  return keepOf(input, (draft) => {
    const of = against.get(draft);
    if (of === undefined) return true;
    stage.dropDraft(draft, 'contradiction', of);
    return false;
  });
}

/** Those whose prompt has more than answers that are learned. */
function ofDoubtfulPrompts(input: Indexes, { kind, prompt, prompts }: Drafts): Indexes {
  const isDoubtful = new Uint8Array(prompts);
  for (const draft of input) if (kind[draft] !== learn) isDoubtful[prompt[draft] as number] = 1;
  return keepOf(input, (draft) => isDoubtful[prompt[draft] as number] === 1);
}

/** What is said of whom, and what cannot be said of it beside. */
function keyOf(draft: number, { kind, prompt, answer, worse, bare }: Drafts): string {
  const said = kind[draft] === prefer ? `${answer[draft]}>${worse[draft]}` : bare[draft];
  return `${kind[draft]} ${prompt[draft]} ${said}`;
}

function oppositeOf(draft: number, { kind, prompt, answer, worse, bare }: Drafts): string {
  if (kind[draft] === prefer) return `${prefer} ${prompt[draft]} ${worse[draft]}>${answer[draft]}`;
  return `${kind[draft] === learn ? reject : learn} ${prompt[draft]} ${bare[draft]}`;
}
