import type { Assembled } from '../assemble.ts';
import { createBreath } from '../breathe.ts';
import type { RowCache } from './cache.ts';
import type { ProcessedRows } from './draft-rows.ts';
import { type ProcessRow, type Watch, createRowProcessor } from './process-row.ts';
import { type Pool, startPool } from './pool.ts';
import type { RowOptions, RowResult } from './types.ts';

export type EntrySource = AsyncIterable<readonly Assembled[]> | Iterable<readonly Assembled[]>;

/** With fewer rows than this, threads take longer to start than they save. */
const worthThreads = 2000;

export interface RunRows extends RowOptions {
  /** How many threads work beside this one; none where it is 0. */
  threads: number;
  watch?: Watch | undefined;
  /** What was said of rows before; null where everything is to be looked at. */
  cache: RowCache | null;
}

/**
 * Takes every row through the row stages, here or in threads, and gives them in the order in which they came. What comes out
 * does not depend on the number of threads.
 */
export async function* runRows(source: EntrySource, { threads, watch, cache, ...options }: RunRows): ProcessedRows {
  let processor: Promise<ProcessRow> | null = null;
  const breathe = createBreath();
  const here = async (entries: readonly Assembled[]): Promise<RowResult[]> => {
    // Made when a row is to be looked at: it takes half a second and 90 MB where languages are told.
    processor ??= createRowProcessor(options, watch);
    const process = await processor;
    const results: RowResult[] = [];
    for (const entry of entries) {
      results.push(process(entry));
      const turn = breathe();
      if (turn) await turn;
    }
    return results;
  };
  let pool: Pool | null = null;
  let seen = 0;
  try {
    const look = (entries: readonly Assembled[]): Promise<RowResult[]> => {
      seen += entries.length;
      if (threads > 0 && watch === undefined && seen > worthThreads) pool ??= startPool(threads, options);
      return pool ? pool.run(entries) : here(entries);
    };
    const rows = inOrder(source, threads * 2, cache ? (entries) => lookOnce(entries, cache, look) : look);
    for await (const some of rows) {
      if (cache) for (const [entry, result] of some) cache.put(entry, result);
      yield some;
    }
    cache?.commit();
  } finally {
    await (pool as Pool | null)?.close();
    cache?.close();
  }
}

/** Looks only at rows of which nothing is known. */
async function lookOnce(
  entries: readonly Assembled[],
  cache: RowCache,
  look: (entries: readonly Assembled[]) => Promise<RowResult[]>,
): Promise<RowResult[]> {
  const results: RowResult[] = [];
  const others: Assembled[] = [];
  const places: number[] = [];
  for (const entry of entries) {
    const known = cache.take(entry);
    if (known === undefined) {
      places.push(results.length);
      others.push(entry);
    }
    // Of one that is not known it stands here until it was looked at.
    results.push(known as RowResult);
  }
  if (others.length === 0) return results;
  for (const [at, result] of (await look(others)).entries()) results[places[at] as number] = result;
  return results;
}

type Pending = readonly [readonly Assembled[], Promise<RowResult[]>];

/** Keeps so many groups under way, and gives them in order. */
async function* inOrder(
  source: EntrySource,
  most: number,
  work: (entries: readonly Assembled[]) => Promise<RowResult[]>,
): ProcessedRows {
  const underWay: Pending[] = [];
  const first = async (): Promise<(readonly [Assembled, RowResult])[]> => {
    const [entries, working] = underWay.shift() as Pending;
    const results = await working;
    return entries.map((entry, at) => [entry, results[at] as RowResult] as const);
  };
  for await (const entries of source) {
    const working = work(entries);
    // It is awaited in its turn; one that fails before that is no stray.
    working.catch(() => undefined);
    underWay.push([entries, working]);
    if (underWay.length > most) yield await first();
  }
  while (underWay.length > 0) yield await first();
}
