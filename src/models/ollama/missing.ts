import { asRatchetError } from '../../core/errors.ts';
import type { OllamaManagement } from '../../core/ollama-options.ts';
import type { CallOptions, Provider, ProviderAnswer } from '../../providers/types.ts';
import type { Job } from './jobs.ts';
import { findModelName } from './name.ts';

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
  const isMissing = asRatchetError(error).code === 'NotFound' && model !== undefined && findModelName(model) !== null;
  if (!isMissing || management().pull !== 'missing') throw error;
  const job = await orLeft(ended(pull(model).id), signal);
  if (job?.state !== 'done') throw job?.error ?? error;
  return ask();
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
