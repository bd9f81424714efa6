import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SharedGpu } from '../../src/activities/gpu/on-device.ts';
import { cycleTrainingRoutes } from '../../src/api/cycle-training.ts';
import { rowTokenRoutes } from '../../src/api/row-tokens.ts';
import { type Estimate, estimateText } from '../../src/cli/estimate-view.ts';
import { childEnvironment, loadConfig, packageRoot } from '../../src/config.ts';
import { recipeSchema } from '../../src/core/recipe.ts';
import { defaultSettings } from '../../src/core/settings.ts';
import { buildDataset } from '../../src/dataset/build.ts';
import { collect } from '../../src/dataset/collect.ts';
import { createMachine } from '../../src/models/gpu/device.ts';
import { startProcess } from '../../src/process/supervise.ts';
import { ensureParts } from '../../src/setup/ensure.ts';
import { type WarmPython, createWarmPython } from '../../src/training/warm-python.ts';
import { chat, user } from '../contract/chat-samples.ts';
import { type Harness, openHarness, postJson } from '../fixtures/gateway-harness.ts';

let harness: Harness;
let folder: string;
let warmPython: WarmPython;
let digest: string;
let row: string;

beforeAll(async () => {
  const python = (await ensureParts(['python'], { config: loadConfig() })).python.path;
  folder = await mkdtemp(join(tmpdir(), 'ratchet-tokens-'));
  warmPython = createWarmPython({ logFile: join(folder, 'python.log') });
  const datasetsDir = join(folder, 'datasets');
  const dataDir = join(folder, 'data');
  const baseFolder = () => Promise.resolve(join(packageRoot, 'scripts', 'litgpt', 'tiny_base', 'model'));
  const readRecipe = () => Promise.reject(new Error('no recipe is named here'));
  const gpu: SharedGpu = {
    host: 'box',
    // This machine has no GPU: the lease is taken for the CPU.
    settings: () => ({ ...defaultSettings.gpu, lease: 'always', waitSeconds: 1 }),
    machine: createMachine(undefined),
    holder: () => null,
    ollama: { running: async () => [], unload: async () => undefined },
  };
  const parts = { datasetsDir, dataDir, python: () => python, warmPython, baseFolder };
  harness = await openHarness({
    providers: [],
    routes: (store) => [
      rowTokenRoutes({ store, ...parts }),
      cycleTrainingRoutes({ store, ...parts, gpu, readRecipe, findBase: readRecipe }),
    ],
  });
  const { store } = harness;
  const { id } = await chat(store, [user('Hello \u001b[2J there?')], 'Hello to you.', { owner: 'local' });
  await store.feedback.add({ completionId: id, choice: 0, rater: 'local', rating: 1, source: 'api' });
  row = `${id}.0`;
  const recipe = recipeSchema.parse({
    name: 'support',
    base: 'tiny-support',
    build: { min_examples: 1, val: 0, test: 0, normalise: false, quality: null },
    train: { max_seq_length: 16 },
  });
  const { collection } = await collect({ store, trainAllowed: () => true }, recipe);
  const places = { store, datasetsDir, evalsDir: join(folder, 'evals'), buildCacheDir: join(folder, 'cache') };
  const request = { recipe, recipeDigest: await store.blobs.putJson(recipe), collection, cycleId: null };
  digest = (await buildDataset(places, request)).manifest.digest;
});
afterAll(async () => {
  await warmPython.stop();
  await harness.close();
  await rm(folder, { recursive: true, force: true });
});

async function get(path: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${await harness.serve()}/api/datasets/${digest}/rows/${path}`);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function ratchet(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const lines: string[] = [];
  const command = [join(packageRoot, 'bin/ratchet.js'), 'datasets', 'tokens', ...args, '--url', await harness.serve()];
  const child = startProcess({
    command: process.execPath,
    args: command,
    env: childEnvironment(),
    logFile: join(folder, 'log'),
    onLine: (line) => void lines.push(line),
  });
  const { code, tail } = await child.exited;
  return { code, out: lines.join('\n'), err: tail };
}

test('a row is shown in the tokens of its recipe’s base, with what is learned and what is cut', async () => {
  const { status, body } = await get(`${row}/tokens`);
  expect(status).toBe(200);
  expect(body).toMatchObject({
    dataset: digest,
    split: 'train',
    row,
    base: 'tiny-support',
    max_seq_length: 16,
    kept: 16,
  });
  const tokens = body.tokens as { id: number; piece: string; learned: boolean }[];
  expect(tokens.map(({ piece }) => piece).join('')).toContain('Hello \u001b[2J there?');
  const learned = tokens.filter((token) => token.learned);
  expect(learned.map(({ piece }) => piece).join('')).toBe('Hello to you.<|im_end|>');
  expect(await get('first/tokens?split=train')).toMatchObject({ status: 200, body: { row, tokens } });
  expect(await readdir(join(folder, 'data'))).not.toContainEqual(expect.stringMatching(/^row-tokens-/));
});

test.each([
  ['none.0/tokens', 404, 'There is no row "none.0"'],
  ['first/tokens?split=test', 400, 'There is no row in test.jsonl'],
  ['first/tokens?split=all', 400, 'split'],
])('%s is refused', async (path, status, detail) => {
  expect(await get(path)).toMatchObject({ status, body: { detail: expect.stringContaining(detail) as string } });
});

test('the command marks what is learned, and a chat cannot steer the terminal', async () => {
  const { code, out } = await ratchet(digest, row);
  expect(code).toBe(0);
  expect(out).toContain('Hello \\u001b[2J there?');
  expect(out).toMatch(/⟦|⟪/);
  expect(JSON.parse((await ratchet(digest, '--json', '--base', 'tiny-support')).out)).toMatchObject({ row, kept: 16 });
  expect(await ratchet(digest, row, '--split', 'val')).toMatchObject({
    code: 1,
    err: expect.stringContaining('it is in train') as string,
  });
});

test('a training is estimated by some of its steps on the newest version of its recipe’s name', async () => {
  const recipe = { name: 'support', base: 'tiny-support', train: { epochs: 4, max_seq_length: 64, device: 'cpu' } };
  const response = await postJson(harness.app, '/api/cycles/estimate', recipe);
  const found = (await response.json()) as Estimate;
  expect(response.status).toBe(200);
  expect(found).toMatchObject({
    dataset: digest,
    rows: 1,
    steps: 4,
    epochs: 4,
    fits: true,
    device: 'cpu',
    packed: false,
  });
  expect(found.tokens).toBe(4 * found.longest);
  expect(found.seconds).toBeGreaterThan(0);
  expect(found.peak_memory_bytes).toBeGreaterThan(2 ** 20);
  expect(estimateText(found)).toContain('it fits');
  const other = await postJson(harness.app, '/api/cycles/estimate', { ...recipe, name: 'other' });
  expect(other.status).toBe(404);
});

test('an estimate waits for a training that has the GPU, and then has it for itself', async () => {
  const { gpuLeases } = harness.store;
  const place = { host: 'box', device: 'cpu' };
  const training = {
    owner: 'key',
    holder: 'trainer',
    cycleId: 'c1',
    step: 'train',
    pid: 1,
    expectedEnd: null,
  } as const;
  await gpuLeases.take({ ...place, ...training, ttlMs: 60_000 });
  const recipe = { name: 'support', base: 'tiny-support', train: { epochs: 1, max_seq_length: 64, device: 'cpu' } };
  let isDone = false;
  const asked = postJson(harness.app, '/api/cycles/estimate', recipe).finally(() => (isDone = true));
  await sleep(700);
  expect(await gpuLeases.held()).toMatchObject([{ holder: 'trainer' }]);
  await gpuLeases.release(place, 'trainer');
  await expect
    .poll(() => gpuLeases.held(), { timeout: 120_000 })
    .toMatchObject([{ ...place, cycleId: null, step: 'estimate' }]);
  expect(isDone).toBe(false);
  expect((await asked).status).toBe(200);
  expect(await gpuLeases.held()).toEqual([]);
});

test('a cycle that is not there has no curve', async () => {
  const id = '0199a000-0000-7000-8000-000000000000';
  expect((await fetch(`${await harness.serve()}/api/cycles/${id}/curve`)).status).toBe(404);
});
