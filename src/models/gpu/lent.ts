import { RatchetError } from '../../core/errors.ts';
import { type GpuLease, endOf, heldBy, waitFor } from '../../core/gpu.ts';
import type { CallOptions, Provider, ProviderAnswer } from '../../providers/types.ts';

export interface LentDeps {
  /** Who holds the GPU of the machine; null while nobody does. Asked for every call, so it must cost nothing. */
  holder: () => GpuLease | null;
  /** Whether the models of a provider are on that GPU. */
  usesGpu: (provider: Provider) => boolean;
  /** Whether a model of an Ollama can answer from memory alone. */
  fits: (provider: Provider, model: string) => Promise<boolean>;
  /** Told of each model that is about to be loaded without the GPU. */
  sentToCpu: (provider: Provider, model: string) => void;
}

/** What Ollama is told for a model that is to stay away from the GPU. */
const onCpu = { num_gpu: 0 } as const;

/**
 * The same provider, that sends nothing to the GPU while it is lent to training: Ollama answers on the CPU where the model
 * fits the memory; everything else that is on the GPU is not asked. Then GpuBusy says until when.
 */
export function lendingGpu(provider: Provider, deps: LentDeps): Provider {
  return {
    ...provider,
    call(endpoint, body, options) {
      const lease = deps.holder();
      if (lease === null || !deps.usesGpu(provider)) return provider.call(endpoint, body, options);
      return offGpu(lease, provider, deps, options, (changed) => provider.call(endpoint, body, changed));
    },
  };
}

async function offGpu(
  lease: GpuLease,
  provider: Provider,
  deps: LentDeps,
  options: CallOptions,
  ask: (options: CallOptions) => Promise<ProviderAnswer>,
): Promise<ProviderAnswer> {
  const { model = '' } = options;
  if (provider.kind !== 'ollama' || !(await deps.fits(provider, model))) throw busyError(lease, provider, model);
  // It may have been given back meanwhile.
  if (deps.holder() === null) return ask(options);
  deps.sentToCpu(provider, model);
  options.changed?.(onCpu);
  return ask({ ...options, override: onCpu });
}

function busyError(lease: GpuLease, { name }: Provider, model: string): RatchetError {
  const now = Date.now();
  const message = `The GPU that ${name}/${model} needs is ${heldBy(lease, now)}: ask again then, or give the route a fallback that needs no GPU.`;
  const retryAfter = String(Math.ceil(waitFor(lease, now) / 1000));
  const details = { provider: name, httpStatus: 503, retryAfter, availableAt: endOf(lease, now) };
  return new RatchetError('GpuBusy', message, { details });
}
