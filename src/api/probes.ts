import { statfs } from 'node:fs/promises';
import { asRatchetError } from '../core/errors.ts';
import { tellFault } from '../core/setting-fault.ts';
import type { StaleModels } from '../models/stale.ts';
import type { OwnProviders } from '../providers/own.ts';
import type { HealthState } from '../providers/types.ts';
import type { SettingsReader } from '../settings.ts';
import type { Store } from '../store/types.ts';

/** How one part of an installation is. */
export interface PartHealth {
  state: HealthState;
  /** One sentence; for yellow and red it says what to do. */
  reason: string;
}

/** Looks at one part. A probe that throws counts as red. */
export type Probe = (signal: AbortSignal) => Promise<PartHealth>;

const lowDisk = 2 * 2 ** 30;
const noDisk = 200 * 2 ** 20;

/** Looks whether the store answers. */
export function storeProbe(store: Pick<Store, 'kind' | 'ping'>): Probe {
  return async () => {
    await store.ping();
    return { state: 'green', reason: `The store (${store.kind}) answers.` };
  };
}

/** Looks how much room the data folder has. */
export function diskProbe(folder: string): Probe {
  return async () => {
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    const said = `${(free / 2 ** 30).toFixed(1)} GiB are free for the data folder`;
    if (free < noDisk) return { state: 'red', reason: `${said}: free some space before you go on.` };
    if (free < lowDisk) return { state: 'yellow', reason: `${said}: a training run may not fit.` };
    return { state: 'green', reason: `${said}.` };
  };
}

/** Whether `ratchet.json` as it is now is in force. */
export function settingsProbe(settings: Pick<SettingsReader, 'fault' | 'file'>): Probe {
  return async () => {
    const fault = settings.fault();
    if (fault !== null) return { state: 'yellow', reason: fault };
    return { state: 'green', reason: `What ${settings.file} says is in force; without it, the defaults are.` };
  };
}

/** Whether the selected model learned something that is forgotten. */
export function staleProbe(active: () => string | null, stale: Pick<StaleModels, 'warning'>): Probe {
  return async () => {
    const ref = active();
    const slash = ref?.indexOf('/') ?? -1;
    const said = ref === null ? null : stale.warning(ref.slice(0, slash), ref.slice(slash + 1));
    if (said === null) return { state: 'green', reason: 'The selected model learned nothing that is forgotten.' };
    return {
      state: 'yellow',
      reason: `${ref} learned something that is forgotten: run a cycle and promote what comes of it, or "ratchet rollback".`,
    };
  };
}

/** Whether every file of the user's own defines a provider; no part where there are none. */
export function ownProvidersProbe({ definitions, faults }: OwnProviders): Record<string, Probe> {
  if (definitions.length + faults.length === 0) return {};
  const known = definitions.map(({ kind }) => kind).join(', ');
  const reason =
    faults.length === 0
      ? `The files of your own define ${known}.`
      : `${faults.map(tellFault).join('; ')}: mend it, then start again.`;
  return { own_providers: async () => ({ state: faults.length === 0 ? 'green' : 'yellow', reason }) };
}

/** Runs a probe for at most `limitMs`; whatever it throws becomes red with its reason. */
export async function runProbe(probe: Probe, limitMs = 5_000): Promise<PartHealth> {
  const signal = AbortSignal.timeout(limitMs);
  const late = Promise.withResolvers<PartHealth>();
  signal.addEventListener('abort', () =>
    late.resolve({ state: 'red', reason: `It did not answer within ${limitMs} ms.` }),
  );
  return Promise.race([
    late.promise,
    probe(signal).catch((error: unknown): PartHealth => ({ state: 'red', reason: asRatchetError(error).message })),
  ]);
}
