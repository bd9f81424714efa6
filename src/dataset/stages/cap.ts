import { type Candidate, type Stage, readAll } from '../stage.ts';
import { isStronger } from './duplicates.ts';

/** Keeps at most `limit` rows: corrections first, then the newest. Null keeps all. */
export function createCapStage(limit: number | null): Stage<Candidate, Candidate> {
  return async function* cap(input, drop) {
    const candidates = await readAll(input);
    candidates.sort((a, b) => (isStronger(a, b) ? -1 : 1));
    for (const [rank, candidate] of candidates.entries()) {
      if (limit === null || rank < limit) yield candidate;
      else drop('over_max_examples');
    }
  };
}
