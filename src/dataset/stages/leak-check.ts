import { RatchetError } from '../../core/errors.ts';
import type { SplitCandidate } from './split.ts';

/**
 * Passes every row on and throws a Bug when a node, or a normalised prompt with its answer, stands in two splits: a
 * figure measured on such a dataset would be worth nothing.
 */
export async function* checkLeaks(input: AsyncIterable<SplitCandidate>): AsyncGenerator<SplitCandidate> {
  const seen = new Map<string, string>();
  for await (const candidate of input) {
    const { row, split } = candidate;
    for (const key of [`node ${row.meta.node}`, `prompt ${candidate.promptKey}`]) {
      const before = seen.get(key) ?? split;
      if (before !== split) {
        throw new RatchetError('Bug', `The dataset was not written: row ${row.id} leaks from ${before} to ${split}.`);
      }
      seen.set(key, split);
    }
    yield candidate;
  }
}
