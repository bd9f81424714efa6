import { expect, test } from 'vitest';
import type { LoadedModel } from '../ollama.ts';
import { bringBack } from './back.ts';

/** An Ollama that is busy with each model for so many looks before it lets go. */
function ollamaWith(busyFor: Record<string, number>, onGpu: readonly string[] = []) {
  const unloaded: string[] = [];
  const left = new Map(Object.entries(busyFor));
  return {
    unloaded,
    running: async () =>
      [...left.keys()].map((name) => ({ name, sizeVram: onGpu.includes(name) ? 1 : 0 }) as LoadedModel),
    unload: async (name: string) => {
      unloaded.push(name);
      const more = (left.get(name) ?? 0) - 1;
      if (more < 0) left.delete(name);
      else left.set(name, more);
    },
  };
}

test('models are asked to go until they are gone; what is on the GPU, or gone, is left alone', async () => {
  const ollama = ollamaWith({ idle: 0, busy: 1, back: 9 }, ['back']);
  await bringBack(ollama, ['idle', 'busy', 'back', 'unknown'], () => false);
  expect(ollama.unloaded.toSorted()).toEqual(['busy', 'busy', 'idle']);
});

test('nothing is done while the GPU is lent again', async () => {
  const ollama = ollamaWith({ idle: 0 });
  await bringBack(ollama, ['idle'], () => true);
  expect(ollama.unloaded).toEqual([]);
});
