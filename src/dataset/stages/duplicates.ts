import { type Candidate, type Drop, readAll } from '../stage.ts';

/** Of rows with the same normalised prompt and answer only the strongest stays: a correction, then the newest. */
export async function* dropDuplicates(input: AsyncIterable<Candidate>, drop: Drop): AsyncGenerator<Candidate> {
  const best = new Map<string, Candidate>();
  for await (const candidate of input) {
    const key = candidate.promptKey + candidate.answerKey;
    const rival = best.get(key);
    if (rival) drop('duplicate');
    if (!rival || isStronger(candidate, rival)) best.set(key, candidate);
  }
  yield* best.values();
}

/** Where a prompt has been corrected, its approved answers go: a person wrote something better. */
export async function* dropOverruled(input: AsyncIterable<Candidate>, drop: Drop): AsyncGenerator<Candidate> {
  const candidates = await readAll(input);
  const corrected = new Set(candidates.filter(isCorrected).map(({ promptKey }) => promptKey));
  for (const candidate of candidates) {
    if (isCorrected(candidate) || !corrected.has(candidate.promptKey)) yield candidate;
    else drop('overruled_by_correction');
  }
}

/** The order in which rows are kept: corrections first, then the newest, then by id so that it is total. */
export function isStronger(a: Candidate, b: Candidate): boolean {
  if (isCorrected(a) !== isCorrected(b)) return isCorrected(a);
  if (a.at !== b.at) return a.at > b.at;
  return a.row.id > b.row.id;
}

function isCorrected({ row }: Candidate): boolean {
  return row.meta.signal === 'corrected';
}
