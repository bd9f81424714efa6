import type { Note } from './types.ts';

/** What an export could not carry. */
export interface Losses {
  /** Examples that were not written, by reason. */
  left_out: Record<string, number>;
  /** Examples that were written without something, by what it was. */
  reduced: Record<string, number>;
  /** The first of each, by the id of the row or answer. */
  examples: { at: string; reason: string }[];
}

/** How many examples a report has of each reason. */
const examplesOfEach = 5;

/** A note that counts. */
export function createTally(): { note: Note; losses: Losses } {
  const losses: Losses = { left_out: {}, reduced: {}, examples: [] };
  const count = (counts: Record<string, number>) => (at: string, reason: string) => {
    const before = counts[reason] ?? 0;
    counts[reason] = before + 1;
    if (before < examplesOfEach) losses.examples.push({ at, reason });
  };
  return { note: { leaveOut: count(losses.left_out), reduce: count(losses.reduced) }, losses };
}
