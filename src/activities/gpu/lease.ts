import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { RatchetError } from '../../core/errors.ts';
import { type GpuLease, type GpuPlace, heldBy, endOf } from '../../core/gpu.ts';
import type { Store } from '../../store/types.ts';

/** A worker that gives no sign of life for so long has lost its lease, in ms. */
const ttlMs = 30_000;
const pollMs = 500;
/** How often it is told that a step waits, in ms. */
const tellEveryMs = 5_000;

/** A lease that this attempt holds. */
export interface HeldLease {
  /** Aborted when somebody else has it, because it could not be renewed in time. */
  readonly lost: AbortSignal;
  /** Notes when the work is about to be done, in ms since 1970. */
  expect(end: number): void;
  /** Gives it back. Never rejects: what cannot be given back lapses. */
  release(): Promise<void>;
}

export interface LeaseRequest extends GpuPlace, Pick<GpuLease, 'owner' | 'cycleId' | 'step'> {
  signal: AbortSignal;
  /** Told now and then while another has it. */
  onWait: (held: GpuLease, message: string) => void;
  /** In place of 30 s. */
  ttlMs?: number;
}

/** Waits until this step call has the lease, for as long as it takes, and keeps it alive from then on. */
export async function holdLease(leases: Store['gpuLeases'], request: LeaseRequest): Promise<HeldLease> {
  const { host, device, owner, cycleId, step, signal } = request;
  const lasts = request.ttlMs ?? ttlMs;
  const wanted = { host, device, owner, cycleId, step, holder: randomUUID(), pid: process.pid, expectedEnd: null };
  const tell = teller(request);
  for (;;) {
    signal.throwIfAborted();
    const held = await othersLease(leases, request);
    if (held === null) {
      const taken = await leases.take({ ...wanted, ttlMs: lasts });
      if (taken.holder === wanted.holder) return keep(leases, taken, lasts);
    } else tell(held);
    await sleep(pollMs, undefined, { signal });
  }
}

/** Looking is cheaper than trying to take it. */
async function othersLease(leases: Store['gpuLeases'], { host, device, owner }: LeaseRequest) {
  const held = await leases.held();
  return held.find((one) => one.host === host && one.device === device && one.owner !== owner) ?? null;
}

function teller({ host, onWait }: LeaseRequest): (held: GpuLease) => void {
  let toldAt = -Infinity;
  return (held) => {
    const now = Date.now();
    if (now - toldAt < tellEveryMs) return;
    toldAt = now;
    onWait(held, `It waits for the GPU of ${host}, ${heldBy(held, now)}.`);
  };
}

function keep(leases: Store['gpuLeases'], lease: GpuLease, lasts: number): HeldLease {
  const lost = new AbortController();
  let expectedEnd: number | null = null;
  let told = false;
  let renewing: Promise<unknown> = Promise.resolve();
  const renew = async () => {
    // While the store does not answer nobody else can take it either.
    const has = await leases.renew(lease, lease.holder, { ttlMs: lasts, expectedEnd }).catch(() => true);
    if (!has) lost.abort(lostError(lease));
  };
  const timer = setInterval(() => (renewing = renew()), lasts / 3);
  return {
    lost: lost.signal,
    expect(end) {
      expectedEnd = end;
      if (told) return;
      told = true;
      renewing = renew();
    },
    async release() {
      clearInterval(timer);
      await renewing;
      await leases.release(lease, lease.holder).catch(() => undefined);
    },
  };
}

function lostError({ host }: GpuLease): RatchetError {
  const message = `The lease of the GPU of ${host} lapsed and another cycle has it: the step goes on when it is free.`;
  return new RatchetError('GpuBusy', message);
}

/** What the cycle's log gets to know about who is waited for. */
export function waitingEvent(held: GpuLease, message: string): Record<string, unknown> {
  const { cycleId, step } = held;
  return { event: 'waiting', for: 'gpu', held_by: { cycle: cycleId, step }, until: endOf(held, Date.now()), message };
}
