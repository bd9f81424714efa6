import { setTimeout as sleep } from 'node:timers/promises';
import { asRatchetError } from '../../core/errors.ts';
import type { OllamaManagement } from '../../core/ollama-options.ts';
import type { OllamaClient } from '../ollama.ts';
import type { JobRequest, JobTeller } from './jobs.ts';
import { parseModelName, registryOf } from './name.ts';

export interface TransferDeps {
  ollama: Pick<OllamaClient, 'pull' | 'push'>;
  /** What the settings say now. */
  management: () => Pick<OllamaManagement, 'registries'>;
  /** Waits between two tries, in ms. */
  wait?: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

/** How often in a row a transfer may be cut off without anything having come. */
const tries = 5;
const longestWaitMs = 30_000;

/**
 * The job that pulls or pushes a model. When it is cut off it is gone on with where it was, as Ollama keeps what it has; it
 * gives up when nothing has come through five times in a row. InvalidInput when the name, or its registry, is not allowed.
 */
export function transferJob(deps: TransferDeps, kind: 'pull' | 'push', model: string): JobRequest {
  const { plain } = registryOf(parseModelName(model), deps.management().registries);
  return { kind, model, work: (tell, signal) => keepOn(deps, { kind, model, insecure: plain }, tell, signal) };
}

interface Transfer {
  kind: 'pull' | 'push';
  model: string;
  insecure: boolean;
}

async function keepOn(
  { ollama, wait = pause }: TransferDeps,
  { kind, model, insecure }: Transfer,
  tell: JobTeller,
  signal: AbortSignal,
): Promise<void> {
  let best = 0;
  for (let failed = 1; ; failed++) {
    const bytes = new Map<string, number>();
    try {
      const onLine: JobTeller['line'] = (line) => {
        if (line.digest !== undefined) bytes.set(line.digest, line.completed ?? 0);
        tell.line(line);
      };
      return await ollama[kind](model, { onLine, signal, insecure });
    } catch (thrown) {
      signal.throwIfAborted();
      const error = asRatchetError(thrown);
      const reached = [...bytes.values()].reduce((sum, layer) => sum + layer, 0);
      if (reached > best) [best, failed] = [reached, 1];
      if (error.code !== 'ProviderUnavailable' || failed >= tries) throw error;
      const waitMs = Math.min(1_000 * 2 ** (failed - 1), longestWaitMs);
      tell.cut(error, waitMs);
      await wait(waitMs, signal);
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<unknown> {
  return sleep(ms, undefined, { signal });
}
