import { describe, expect, test } from 'vitest';
import { RatchetError } from '../../core/errors.ts';
import type { LoadedModel } from '../../models/ollama.ts';
import { type RoomOptions, makeRoom } from './room.ts';

const inMemory = (name: string, sizeVram: number) => ({ name, sizeVram }) as LoadedModel;

/** What cannot be seen on a machine without a GPU; the rest is in `test/integration/gpu-lease.test.ts`, on a real Ollama. */
function room(loaded: LoadedModel[], change: Partial<RoomOptions> = {}) {
  const unloaded: string[] = [];
  const warnings: string[] = [];
  const options: RoomOptions = {
    ollama: {
      running: async () => loaded,
      unload: async (name) => {
        unloaded.push(name);
        const at = loaded.findIndex((one) => one.name === name);
        if (at >= 0 && !name.startsWith('kept')) loaded.splice(at, 1);
      },
    },
    machine: { free: async () => 10e9 },
    host: 'box',
    device: 'gpu',
    need: 8e9,
    waitMs: 0,
    signal: new AbortController().signal,
    warn: (message) => void warnings.push(message),
    ...change,
  };
  return { making: makeRoom(options), unloaded, warnings };
}

describe.concurrent('room', () => {
  test('what is on the GPU is asked to go, and what answers on the CPU meanwhile stays', async () => {
    const { making, unloaded, warnings } = room([inMemory('a', 5), inMemory('b', 0), inMemory('c', 1)], {
      waitMs: 5_000,
    });
    await making;
    expect(unloaded.toSorted()).toEqual(['a', 'c']);
    expect(warnings).toEqual([]);
  });

  test.each([
    ['it suffices', 10e9, /kept.*Training goes on beside it, since 10\.0 GB are free for at least 8\.0/],
    ['nobody tells', null, /since nobody tells how much memory is free/],
  ])('training goes on beside what somebody keeps there when %s', async (_when, free, warning) => {
    const { making, warnings } = room([inMemory('kept', 5)], { machine: { free: async () => free } });
    await making;
    expect(warnings).toEqual([expect.stringMatching(warning)]);
  });

  test.each([
    ['somebody keeps a model there', [inMemory('kept', 5)], /keeps kept there/],
    ['another program has it', [], /another program uses it/],
  ])('it is tried again when there is too little since %s', async (_why, loaded, message) => {
    const { making } = room(loaded, { machine: { free: async () => 1e9 } });
    const error = await making.catch((thrown: unknown) => thrown as RatchetError);
    expect(error).toMatchObject({ code: 'GpuBusy', message: expect.stringMatching(message) });
  });

  test('an Ollama that is not there has nothing loaded; one that fails otherwise is not passed over', async () => {
    const failing = (code: 'ProviderUnavailable' | 'ProviderRejected') => ({
      running: () => Promise.reject(new RatchetError(code, 'No.')),
      unload: () => Promise.resolve(),
    });
    await room([], { ollama: failing('ProviderUnavailable') }).making;
    await expect(room([], { ollama: failing('ProviderRejected') }).making).rejects.toMatchObject({
      code: 'ProviderRejected',
    });
  });
});
