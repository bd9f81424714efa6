import type { OllamaClient } from '../../models/ollama.ts';
import { sameModel } from '../ollama/name.ts';

export interface RamOptions {
  ollama: Pick<OllamaClient, 'running' | 'find'>;
  /** Free bytes of the machine's memory. */
  free: () => number;
  /** The largest model, in bytes of memory; null where what is free decides. */
  limit: () => number | null;
}

/** What a model takes in memory beside its weights: the context, and what is computed with. A rough figure, on the safe side. */
const beside = { factor: 1.2, bytes: 256 * 2 ** 20 };
/** How long an answer holds, in ms. */
const holdsMs = 5_000;

/** Tells whether a model can answer from this machine's memory, without its GPU. Rejects where Ollama does not answer. */
export function createRam({ ollama, free, limit }: RamOptions): (model: string) => Promise<boolean> {
  const known = new Map<string, { at: number; most: number; fits: Promise<boolean> }>();

  async function find(model: string, most: number): Promise<boolean> {
    const running = (await ollama.running()).find(({ name }) => sameModel(name, model));
    // It is there already, wholly.
    if (running && running.sizeVram === 0) return running.size <= most;
    const size = running?.size ?? (await ollama.find(model))?.size;
    // What Ollama does not have is for Ollama to say.
    if (size === undefined) return true;
    const needed = running ? size : size * beside.factor + beside.bytes;
    return needed <= Math.min(most, free());
  }

  return (model) => {
    const before = known.get(model);
    const at = performance.now();
    const most = limit() ?? Infinity;
    if (before?.most === most && at - before.at < holdsMs) return before.fits;
    // Names of models are made up by clients.
    if (known.size >= 1_000) known.clear();
    const fits = find(model, most);
    known.set(model, { at, most, fits });
    fits.catch(() => known.delete(model));
    return fits;
  };
}
