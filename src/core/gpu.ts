import { steps } from './cycle.ts';

/** What a GPU lease is for: one device of one machine. */
export interface GpuPlace {
  /** The machine's name, as those who share its GPU call it. */
  host: string;
  device: string;
}

/** What a GPU is lent for: a step of a cycle, or an estimate, which belongs to none. */
export const leaseUses = [...steps, 'estimate'] as const;
export type LeaseUse = (typeof leaseUses)[number];

/** Who uses a GPU, and until when. */
export interface GpuLease extends GpuPlace {
  /** Key of the step call: the same through its retries, so that a retry goes on with the lease of the attempt before. */
  owner: string;
  /** Names the attempt that renews it and gives it back. */
  holder: string;
  /** Null of an estimate. */
  cycleId: string | null;
  step: LeaseUse;
  /** Process that holds it, on its machine. */
  pid: number;
  /** In ms since 1970, like all times here. */
  acquiredAt: number;
  /** It counts as given back after this unless it is renewed. */
  expiresAt: number;
  /** When the work is about to be done, as far as is known. */
  expectedEnd: number | null;
}

/** Whether training takes the GPU for itself: where there is one, on the CPU as well, or never. */
export const leaseModes = ['auto', 'always', 'never'] as const;
export type LeaseMode = (typeof leaseModes)[number];

/** What `ratchet.json` says about the GPU that training and the local models share. */
export interface GpuSettings {
  lease: LeaseMode;
  /** How long training waits for memory after Ollama was asked to unload its models. */
  waitSeconds: number;
  /** Memory that training needs, in GB; the least that its base needs unless given. */
  needGb: number | null;
  /** The largest model that answers on the CPU while the GPU is lent, in GB of memory; what is free decides unless given. */
  cpuGb: number | null;
}

/** How long a client is told to wait where nobody knows when the GPU is free, in ms. */
const unknownEndMs = 30_000;
/** An end that has passed was a guess. */
const leastWaitMs = 5_000;

/** How long until a lease is likely to be over, in ms; `now` in ms since 1970. */
export function waitFor({ expectedEnd }: Pick<GpuLease, 'expectedEnd'>, now: number): number {
  return expectedEnd === null ? unknownEndMs : Math.max(leastWaitMs, expectedEnd - now);
}

/** When a lease is likely to be over, as ISO 8601; null where nobody knows. */
export function endOf({ expectedEnd }: Pick<GpuLease, 'expectedEnd'>, now: number): string | null {
  return expectedEnd === null ? null : new Date(Math.max(expectedEnd, now + leastWaitMs)).toISOString();
}

/** Says who holds the GPU, as the end of a sentence: `held by the step train of cycle … until about …`. */
export function heldBy(lease: Pick<GpuLease, 'cycleId' | 'step' | 'expectedEnd'>, now: number): string {
  const end = endOf(lease, now);
  const who = lease.cycleId === null ? 'an estimate' : `the step ${lease.step} of cycle ${lease.cycleId}`;
  return `held by ${who}${end === null ? '' : ` until about ${end}`}`;
}

/** How often whoever asks local models looks whether the GPU is lent, in ms: a lease is known to all of them after this. */
export const leaseLookMs = 1_000;

/** Kinds of servers that compute on the GPU of the machine that they run on, as a rule. */
const kindsOnGpu: readonly string[] = ['ollama', 'llamacpp', 'vllm', 'lm_studio', 'litgpt'];

/** Whether the models of a provider are on the GPU that training uses, where the settings do not say so. */
export function isOnGpu({ kind, locality }: { kind: string; locality: 'local' | 'remote' }): boolean {
  return locality === 'local' && kindsOnGpu.includes(kind);
}
