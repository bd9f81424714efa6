import { expect, test } from 'vitest';
import type { LoadedModel, LocalModel } from '../ollama.ts';
import { createRam } from './ram.ts';

const gib = 2 ** 30;

interface Case {
  what: string;
  /** Bytes on the disk, in memory in all, and of these in the GPU's. */
  disk?: number;
  loaded?: number;
  vram?: number;
  free: number;
  limit?: number;
  fits: boolean;
}

const cases: Case[] = [
  { what: 'there is room for it and what it computes with', disk: 4 * gib, free: 6 * gib, fits: true },
  { what: 'there is room for its weights only', disk: 4 * gib, free: 4.5 * gib, fits: false },
  { what: 'it is larger than the settings let it be', disk: 4 * gib, free: 60 * gib, limit: 3 * gib, fits: false },
  { what: 'the settings let none', disk: 1, free: 60 * gib, limit: 0, fits: false },
  { what: 'it is in memory already', disk: 4 * gib, loaded: 5 * gib, vram: 0, free: 0, fits: true },
  { what: 'it is in memory, and larger than it may be', loaded: 5 * gib, vram: 0, free: 0, limit: gib, fits: false },
  { what: 'it is on the GPU, and fits', loaded: 5 * gib, vram: 5 * gib, free: 5 * gib, fits: true },
  { what: 'it is on the GPU in part, and does not fit', loaded: 5 * gib, vram: gib, free: 4 * gib, fits: false },
  { what: 'Ollama does not have it, which it says itself', free: 0, fits: true },
];

test.each(cases)('$what', async ({ disk, loaded, vram = 0, free, limit, fits }) => {
  const asked: string[] = [];
  const ram = createRam({
    ollama: {
      running: async () => {
        asked.push('running');
        return loaded === undefined ? [] : [{ name: 'm:latest', size: loaded, sizeVram: vram } as LoadedModel];
      },
      find: async () => (disk === undefined ? null : ({ size: disk } as LocalModel)),
    },
    free: () => free,
    limit: () => limit ?? null,
  });
  expect(await ram('m')).toBe(fits);
  expect(await ram('m')).toBe(fits);
  expect(asked).toEqual(['running']);
});

test('what the settings say counts at once', async () => {
  let limit: number | null = null;
  const running = async () => [{ name: 'm:latest', size: 5, sizeVram: 0 } as LoadedModel];
  const ram = createRam({ ollama: { running, find: async () => null }, free: () => 0, limit: () => limit });
  expect(await ram('m')).toBe(true);
  limit = 4;
  expect(await ram('m')).toBe(false);
});

test('what could not be found out is looked for again', async () => {
  let there = false;
  const ram = createRam({
    ollama: {
      running: async () => {
        if (!there) throw new Error('nobody is there');
        return [];
      },
      find: async () => null,
    },
    free: () => 0,
    limit: () => null,
  });
  await expect(ram('m')).rejects.toThrow('nobody');
  there = true;
  expect(await ram('m')).toBe(true);
});
