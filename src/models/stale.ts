import type { ModelStore } from '../store/types.ts';

/** Which served models learned something that was forgotten since, kept in memory for every call to ask. */
export interface StaleModels {
  /** A sentence for whoever gets an answer of the model, in the letters of a header; null when there is nothing to say. */
  warning(provider: string, model: string): string | null;
  /** Looks again now. */
  refresh(): Promise<void>;
  stop(): void;
}

export interface StaleModelsOptions {
  models: Pick<ModelStore, 'stale'>;
  /** How often it looks for what other processes forgot, in ms; 10 s unless given. */
  everyMs?: number;
}

/** Creates what knows of stale models. What cannot be read now is read later: no call waits for it. */
export function createStaleModels({ models, everyMs = 10_000 }: StaleModelsOptions): StaleModels {
  let refs: ReadonlySet<string> = new Set();
  async function refresh(): Promise<void> {
    refs = new Set((await models.stale()).map(({ served }) => served));
  }
  const timer = setInterval(() => void refresh().catch(() => undefined), everyMs).unref();
  return {
    warning(provider, model) {
      if (refs.size === 0) return null;
      const ref = `${provider}/${model.replace(/:latest$/, '')}`;
      return refs.has(ref)
        ? `stale: ${encodeURI(ref)} learned something that is forgotten; train again, or roll back`
        : null;
    },
    refresh,
    stop: () => clearInterval(timer),
  };
}
