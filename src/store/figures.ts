import { sql } from 'kysely';
import type { CycleState } from '../core/cycle.ts';
import type { Database } from './database.ts';
import type { StoreFigures } from './types.ts';

const noCycles: Readonly<Record<CycleState, number>> = {
  queued: 0,
  running: 0,
  needs_attention: 0,
  awaiting_approval: 0,
  interrupted: 0,
  completed: 0,
  aborted: 0,
  expired: 0,
};

/** Counts what a person who watches an installation wants to know; both queries stay quick with many chats. */
export async function readFigures({ build, readAside }: Database): Promise<StoreFigures> {
  const count = sql<number>`count(*)`.as('count');
  const [cycles, [open]] = await Promise.all([
    readAside<{ state: string; count: number }>(build.selectFrom('cycle').select(['state', count]).groupBy('state')),
    // The index of open completions has only those.
    readAside<{ count: number }>(build.selectFrom('completion').select(count).where('state', '=', sql.lit('open'))),
  ]);
  return {
    cycles: { ...noCycles, ...Object.fromEntries(cycles.map((row) => [row.state, row.count])) },
    openCompletions: open?.count ?? 0,
  };
}
