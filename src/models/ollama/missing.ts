import { asRatchetError } from '../../core/errors.ts';
import type { OllamaManagement } from '../../core/ollama-options.ts';
import type { CallOptions, Provider, ProviderAnswer } from '../../providers/types.ts';
import type { Job } from './jobs.ts';
import { findModelName, keyOf } from './name.ts';

export interface MissingDeps {
  /** What the settings say now. */
  management: () => OllamaManagement;
  pull: (name: string) => Job;
  ended: (id: string) => Promise<Job | null>;
}

/**
 * The same provider of Ollama's models, that pulls a model which is asked for and not there, where the settings say so. The
 * caller waits for it; when it leaves, the pull goes on.
 */
export function pullsMissing(provider: Provider, deps: MissingDeps): Provider {
  return {
    ...provider,
    call: (endpoint, body, options) => {
      const ask = () => provider.call(endpoint, body, options);
      return ask().catch((error: unknown) => afterPull(deps, options, error, ask));
    },
  };
}

async function afterPull(
  { management, pull, ended }: MissingDeps,
  { model, signal }: Pick<CallOptions, 'model' | 'signal'>,
  error: unknown,
  ask: () => Promise<ProviderAnswer>,
): Promise<ProviderAnswer> {
  if (asRatchetError(error).code !== 'NotFound' || model === undefined || !mayPull(model, management())) throw error;
  const job = await orLeft(ended(pull(model).id), signal);
  if (job?.state !== 'done') throw job?.error ?? error;
  return ask();
}

/** Whether the settings let a caller have a model pulled, by its name with its tag or without. */
export function mayPull(model: string, { pull, pullModels }: Pick<OllamaManagement, 'pull' | 'pullModels'>): boolean {
  if (pull !== 'missing' || findModelName(model) === null) return false;
  const key = keyOf(model);
  const withoutTag = key.slice(0, key.lastIndexOf(':'));
  return pullModels.some((text) => {
    const wanted = text.toLowerCase();
    if (wanted.endsWith('*')) return key.startsWith(wanted.slice(0, -1));
    return wanted === withoutTag || keyOf(wanted) === key;
  });
}

/** Rejects as soon as the caller leaves. */
function orLeft<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(asRatchetError(signal.reason));
    if (signal.aborted) return leave();
    signal.addEventListener('abort', leave, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
