import { sql } from 'kysely';
import type { CycleState } from '../core/cycle.ts';
import type { Database } from './database.ts';

/** What the whole database holds, in numbers. */
export interface StoreFigures {
  cycles: Record<CycleState, number>;
  openCompletions: number;
  /** The GPUs that are lent to training. */
  gpuLeases: { host: string; device: string }[];
}

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

/** Counts what a person who watches an installation wants to know; all queries stay quick with many chats. */
export async function readFigures({ build, clock, readAside }: Database): Promise<StoreFigures> {
  const count = sql<number>`count(*)`.as('count');
  const [cycles, [open], gpuLeases] = await Promise.all([
    readAside<{ state: string; count: number }>(build.selectFrom('cycle').select(['state', count]).groupBy('state')),
    // The index of open completions has only those.
    readAside<{ count: number }>(build.selectFrom('completion').select(count).where('state', '=', sql.lit('open'))),
    readAside<{ host: string; device: string }>(
      build
        .selectFrom('gpu_lease')
        .select(['host', 'device'])
        .where('expires_at', '>', clock)
        .orderBy('host')
        .orderBy('device'),
    ),
  ]);
  return {
    cycles: { ...noCycles, ...Object.fromEntries(cycles.map((row) => [row.state, row.count])) },
    openCompletions: open?.count ?? 0,
    gpuLeases,
  };
}
