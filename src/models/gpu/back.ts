import { setTimeout as sleep } from 'node:timers/promises';
import type { OllamaClient } from '../ollama.ts';
import { sameModel } from '../ollama/name.ts';

type Ollama = Pick<OllamaClient, 'running' | 'unload'>;

const tries = 20;
const betweenMs = 500;

/**
 * Has models unloaded that were loaded without the GPU, so that the next call loads them where they belong: Ollama goes on
 * with what is loaded for every call that says nothing of `num_gpu` (its `needsReload`, 0.17.4), for as long as calls come.
 * One that is gone, or back on the GPU, is done with. Never rejects.
 */
export async function bringBack(ollama: Ollama, models: Iterable<string>, isLent: () => boolean): Promise<void> {
  const left = new Set(models);
  for (let tried = 0; left.size > 0 && tried < tries && !isLent(); tried += 1) {
    try {
      const running = await ollama.running();
      for (const model of left) {
        const loaded = running.find(({ name }) => sameModel(name, model));
        if (loaded && loaded.sizeVram === 0) await ollama.unload(model);
        else left.delete(model);
      }
    } catch {
      // Who is not there has nothing loaded, or is asked again in a moment.
    }
    await sleep(betweenMs, undefined, { ref: false });
  }
}
