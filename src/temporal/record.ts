import type { CycleRecord, Store } from '../store/types.ts';

const open = ['queued', 'running', 'needs_attention', 'awaiting_approval'] as const;
/** A cycle this young may not have reached Temporal yet, in ms. */
const tooYoung = 2_000;

/** Cycles that should have a workflow. */
export async function openCycles(store: Pick<Store, 'cycles'>): Promise<CycleRecord[]> {
  const { items } = await store.cycles.list({ states: open }, { limit: 1000 });
  return items.filter((cycle) => Date.now() - cycle.createdAt > tooYoung);
}

/** Place in line for the base: 0 when it holds the turn. */
export async function position(store: Pick<Store, 'cycles'>, cycle: CycleRecord): Promise<number> {
  const line = await store.cycles.line(cycle.base);
  const waiting = line.findIndex((entry) => entry.cycleId === cycle.id);
  return Math.max(0, waiting);
}
