import type { Assembled } from '../assemble.ts';
import { createBreath } from '../breathe.ts';
import type { RowCache, Taken } from './cache.ts';
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
    const look: Look = (entries) => {
      seen += entries.length;
      if (threads > 0 && watch === undefined && seen > worthThreads) pool ??= startPool(threads, options);
      return pool ? pool.run(entries) : here(entries);
    };
    const rows = inOrder(source, threads * 2, (entries) => lookOnce(entries, cache, look));
    for await (const { entries, results, taken } of rows) {
      if (taken) cache?.put(entries, results, taken);
      yield { entries, results, runs: taken?.runs ?? [], messages: taken?.messages ?? [] };
      if (taken) cache?.letGo(taken);
    }
    cache?.commit();
  } finally {
    await (pool as Pool | null)?.close();
    cache?.close();
  }
}

type Look = (entries: readonly Assembled[]) => Promise<RowResult[]>;

interface Looked {
  entries: readonly Assembled[];
  results: readonly RowResult[];
  /** What was known of them before; null where nothing is kept. */
  taken: Taken | null;
}

/** Looks only at rows of which nothing is known. */
async function lookOnce(entries: readonly Assembled[], cache: RowCache | null, look: Look): Promise<Looked> {
  if (cache === null) return { entries, results: await look(entries), taken: null };
  const taken = cache.take(entries);
  const { unknown } = taken;
  if (unknown.length === 0) return { entries, results: taken.results as readonly RowResult[], taken };
  const results = [...taken.results];
  const found = await look(unknown.map((at) => entries[at] as Assembled));
  for (const [at, result] of found.entries()) results[unknown[at] as number] = result;
  return { entries, results: results as RowResult[], taken };
}

/** Keeps so many groups under way, and gives them in order. */
async function* inOrder(
  source: EntrySource,
  most: number,
  work: (entries: readonly Assembled[]) => Promise<Looked>,
): AsyncGenerator<Looked> {
  const underWay: Promise<Looked>[] = [];
  for await (const entries of source) {
    const working = work(entries);
    // It is awaited in its turn; one that fails before that is no stray.
    working.catch(() => undefined);
    underWay.push(working);
    if (underWay.length > most) yield (await underWay.shift()) as Looked;
  }
  for (const working of underWay) yield await working;
}
