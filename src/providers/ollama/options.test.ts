import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../core/canonical.ts';
import { optionFaults, optionsFor, splitOptions, unknownOptions } from './options.ts';

test('each option stands where Ollama wants it, and what is for us is not sent', () => {
  const said = {
    num_ctx: 4_096,
    keep_alive: '10m',
    think: false,
    stop: 'END',
    pull: 'missing',
    seed: null,
    brand_new: 1,
  };
  expect(splitOptions(said)).toEqual({
    options: { num_ctx: 4_096, stop: ['END'], brand_new: 1 },
    fields: { keep_alive: '10m', think: false },
  });
});

test.each<[JsonObject, string[]]>([
  [{ num_ctx: 2_048, num_gpu: -1, use_mmap: true, temperature: 0.5, stop: ['a'], keep_alive: -1, think: 'high' }, []],
  [{ low_vram: true, numa: false, f16_kv: true, use_mlock: true, mirostat: 2, mirostat_tau: 5 }, []],
  [{ any_name: {} }, []],
  [{ num_ctx: 2.5 }, ['num_ctx: write a whole number']],
  [{ num_thread: '8', numa: 1 }, ['num_thread: write a whole number', 'numa: write true or false']],
  [{ keep_alive: 'ten minutes' }, ['keep_alive: write seconds, or a time such as "10m"; -1 is for ever']],
  [{ think: 'much' }, ['think: write true, false, "low", "medium" or "high"']],
  [{ stop: 1, top_p: '1' }, ['stop: write a text or a list of texts', 'top_p: write a number']],
])('%j', (said, faults) => {
  expect(optionFaults(said)).toEqual(faults);
});

describe('what a version leaves out', () => {
  const said = { num_ctx: 1, numa: true, low_vram: true, tfs_z: 1, new_one: 1, keep_alive: 1, pull: 'never' };
  test.each([
    ['0.3.3', ['new_one']],
    ['0.5.1', ['numa', 'new_one']],
    ['0.6.8', ['numa', 'tfs_z', 'new_one']],
    ['0.17.4', ['numa', 'low_vram', 'tfs_z', 'new_one']],
    ['0.0.0', ['numa', 'low_vram', 'tfs_z', 'new_one']],
  ])('%s', (version, names) => {
    expect(unknownOptions(said, version)).toEqual(names);
  });
});

describe('a model goes before its provider', () => {
  const models: Record<string, JsonObject> = { x: { num_ctx: 8 }, 'y:latest': { num_ctx: 9 } };
  const options = (model = ''): JsonObject => ({ num_ctx: 4, seed: 1, ...models[model] });
  test.each([
    [undefined, 4],
    ['z', 4],
    ['x', 8],
    ['x:latest', 8],
    ['y', 9],
    ['y:latest', 9],
    ['x:7b', 4],
  ])('%s', (model, context) => {
    expect(optionsFor(options, model)).toEqual({ num_ctx: context, seed: 1 });
  });
});
