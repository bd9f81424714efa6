import type { Assembled } from '../assemble.ts';
import { createBreath } from '../breathe.ts';
import type { RowCache } from './cache.ts';
import type { ProcessedRows } from './draft-rows.ts';
import { type Watch, createRowProcessor } from './process-row.ts';
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
  const process = await createRowProcessor(options, watch);
  const breathe = createBreath();
  const here = async (entries: readonly Assembled[]): Promise<RowResult[]> => {
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
  const known = entries.map((entry) => cache.take(entry));
  const others = entries.filter((_, at) => known[at] === undefined);
  const results = others.length > 0 ? await look(others) : [];
  return known.map((result) => result ?? (results.shift() as RowResult));
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
