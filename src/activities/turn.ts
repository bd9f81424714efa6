import { setTimeout as sleep } from 'node:timers/promises';
import { type CycleState, type StepName, closedStates, withoutEnd } from '../core/cycle.ts';
import type { Store } from '../store/types.ts';

const pollMs = 200;
/** Cycles in these states have no use for a turn; one that still holds it was ended behind our back. */
const idle: readonly CycleState[] = [...closedStates, 'interrupted', 'needs_attention', 'awaiting_approval'];
const staleAfterMs = 10_000;

/**
 * Waits until this cycle holds the turn of its base. Asked for again by every step, so that a workflow that was reset
 * into its middle stands in line like any other, and is seen to wait for this step rather than to be over.
 */
export async function holdTurn(
  store: Store,
  { base, cycleId, step }: { base: string; cycleId: string; step?: StepName },
  signal: AbortSignal,
): Promise<void> {
  const { cycles } = store;
  if (await cycles.takeTurn(base, cycleId)) return;
  const cycle = await cycles.get(cycleId);
  // The state goes first: an idle holder would lose the turn to the next in line.
  if (cycle && idle.includes(cycle.state)) {
    await cycles.update(cycleId, { state: 'queued', ...(step && { step }), ...withoutEnd });
  }
  await cycles.enqueue(base, cycleId);
  const idleSince = new Map<string, number>();
  while (!(await cycles.takeTurn(base, cycleId))) {
    await sleep(pollMs, undefined, { signal });
    await dropStale(store, base, idleSince);
  }
}

/** Whoever is idle at the head of the line, and stays so, is moved out of the way. */
async function dropStale(store: Store, base: string, idleSince: Map<string, number>): Promise<void> {
  const [head] = await store.cycles.line(base);
  if (!head) return;
  const cycle = await store.cycles.get(head.cycleId);
  if (cycle && !idle.includes(cycle.state)) {
    idleSince.delete(head.cycleId);
    return;
  }
  const since = idleSince.get(head.cycleId) ?? Date.now();
  idleSince.set(head.cycleId, since);
  if (Date.now() - since > staleAfterMs) await store.cycles.releaseTurn(base, head.cycleId);
}
