import { cpSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest';
import { ownEnvironment, packageRoot } from '../../src/config.ts';
import type { RecipeInput } from '../../src/core/recipe.ts';
import { builtInBases } from '../../src/models/bases.ts';
import { type OllamaClient, createOllamaClient } from '../../src/models/ollama.ts';
import { startProcess } from '../../src/process/supervise.ts';
import type { Supervised } from '../../src/process/types.ts';
import { workflowId } from '../../src/temporal/cycles.ts';
import { type House, openHouse } from '../../src/workspace/house.ts';
import { eventsOf, trainedTo, trainerPids, untilEvent, untilGone } from '../fixtures/cycle-events.ts';
import {
  type TestWorkspace,
  addRatedChats,
  startCycle,
  startTestWorkspace,
  testRecipe,
  untilCycle,
} from '../fixtures/workspace.ts';

/** This machine has no GPU: the lease is taken for the CPU as well, and all but CUDA is as it is on a GPU. */
const always = { lease: 'always', wait_seconds: 2 };
const model = 'test-tiny-support-base';
const host = 'box';
const messages = [{ role: 'user', content: 'Where is my parcel?' }];

interface GpuView {
  held: boolean;
  items: { host: string; device: string; cycle_id: string; step: string; pid: number; until: string | null }[];
}

let house: TestWorkspace;
let own: House;
let ollama: OllamaClient;
let secondWorker: Supervised;

beforeAll(async () => {
  house = await startTestWorkspace({ RATCHET_GPU_HOST: host }, async ({ config, folder, tools }) => {
    cpSync(builtInBases(packageRoot)['tiny-support'] ?? '', join(config.basesDir, 'other'), { recursive: true });
    say(folder, always, config.ollamaUrl);
    return tools;
  });
  await addRatedChats(house, 48);
  ollama = createOllamaClient(house.config.ollamaUrl);
  own = await openHouse(house.config);
  // A second cycle must find a worker of its own to be seen waiting.
  secondWorker = startProcess({
    command: process.execPath,
    args: [join(packageRoot, 'bin', 'ratchet.js'), 'worker', '--lifeline', '--queue', 'ratchet-gpu'],
    env: { ...ownEnvironment(house.config), RATCHET_PYTHON: process.env.RATCHET_PYTHON ?? '' },
    logFile: join(house.config.dataDir, 'logs', 'worker-gpu-2.log'),
    stdin: 'lifeline',
  });
});
afterAll(async () => {
  await secondWorker?.stop();
  await own?.close();
  await house?.stop();
});

afterEach(async () => {
  say(house.folder, always);
  const { items } = await house.api.get<{ items: { id: string; state: string }[] }>('/api/cycles');
  for (const { id } of items.filter(({ state }) => state !== 'aborted')) {
    await house.api.post(`/api/cycles/${id}/abort`).catch(() => undefined);
  }
});

test('what loads models by asking Ollama directly keeps training waiting no longer than the limit', async () => {
  onTestFinished(hammer());
  say(house.folder, { ...always, need_gb: 90_000 });
  const id = await startCycle(house.api, recipe({ max_steps: 4 }));
  const { event } = await untilEvent(house, id, ({ data }) => data.state === 'failed');
  expect(event.data).toMatchObject({ code: 'GpuBusy', attempt: 1 });
  expect(event.data.message).toMatch(
    new RegExp(`^After 2 s the memory of box has [\\d.]+ GB free, and training needs at least 90000\\.0; .*${model}`),
  );
  say(house.folder, always);
  // The build may have warned before: which chats are held out depends on their ids, so that by chance val has none.
  const warned = await untilEvent(house, id, ({ kind, step }) => kind === 'warning' && step === 'train');
  expect(warned.event.data.message).toMatch(
    /somebody asks Ollama directly, without Ratchet. Training goes on beside it/,
  );
  await untilEvent(house, id, trainedTo(4));
});

test('while a cycle trains, chats are answered on the CPU, as their heads and records say; then as ever', async () => {
  const id = await startCycle(house.api, recipe({}));
  await untilEvent(house, id, trainedTo(2));
  await expect
    .poll(async () => (await gpu()).items)
    .toMatchObject([{ host, device: 'cpu', cycle_id: id, step: 'train' }]);
  await expect.poll(async () => (await gpu()).items[0]?.until).toMatch(/^20/);
  // Ollama is asked to unload, and waited for no longer than the settings say.
  await expect.poll(() => ollama.loaded()).toEqual([]);

  for (const stream of [false, true]) {
    const response = await chat({ model: 'active', stream });
    expect(response.status).toBe(200);
    expect(response.headers.get('x-ratchet-device')).toBe('cpu');
    expect(await response.text()).toContain('assistant');
    const record = await recordOf(response);
    expect(record).toMatchObject({ request: { model: 'active', stream }, provider: 'ollama', state: 'complete' });
    expect(record.request).not.toHaveProperty('options');
    expect(record.attempts).toEqual([{ provider: 'ollama', model, code: 'GpuBusy', sent: { num_gpu: 0 } }]);
  }
  expect(await ollama.loaded()).toEqual([`${model}:latest`]);

  await tooLarge();
  await house.api.post(`/api/cycles/${id}/abort`);
  await expect.poll(async () => gpu()).toMatchObject({ held: false, items: [] });
  // Else it would stay on the CPU for as long as somebody asks it.
  await expect.poll(() => ollama.loaded(), { timeout: 60_000 }).toEqual([]);
  const after = await chat({ model: 'active' });
  expect(after.headers.get('x-ratchet-device')).toBeNull();
  expect((await recordOf(after)).attempts).toEqual([]);
});

/** What cannot be answered from memory goes to a local server that needs no GPU, else the client is told until when. */
async function tooLarge(): Promise<void> {
  say(house.folder, { ...always, cpu_gb: 0 });
  await expect
    .poll(async () => (await chat({ model: `ollama/${model}` })).status, { timeout: 60_000, interval: 500 })
    .toBe(503);
  const refused = async () => {
    const response = await chat({ model: `ollama/${model}` });
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    return ((await response.json()) as { error: Record<string, string> }).error;
  };
  // The gateway looks once a second who holds the GPU, so that it may not know the end yet that the holder has told.
  await expect.poll(refused).toMatchObject({
    code: 'GpuBusy',
    type: 'server_error',
    available_at: expect.stringMatching(/^20.*Z$/),
  });
  const error = await refused();
  expect(error.message).toContain('held by the step train of cycle');

  const instead = await chat({ model: 'team' });
  expect(instead.status).toBe(200);
  expect(instead.headers.get('x-ratchet-provider')).toBe('beside');
  expect(instead.headers.get('x-ratchet-device')).toBeNull();
  expect((await recordOf(instead)).attempts).toEqual([{ provider: 'ollama', model, code: 'GpuBusy' }]);
  say(house.folder, always);
}

test('a second cycle waits while it beats, can be ended at once, and goes on when the first is done', async () => {
  const first = await startCycle(house.api, recipe({}));
  await untilEvent(house, first, trainedTo(1));
  const impatient = await startCycle(house.api, recipe({}, 'other'));
  const waiting = await untilEvent(house, impatient, ({ data }) => data.for === 'gpu');
  expect(waiting.event.data).toMatchObject({ event: 'waiting', held_by: { cycle: first, step: 'train' } });
  expect(waiting.event.data.message).toContain('It waits for the GPU of box, held by the step train of cycle');
  await house.api.post(`/api/cycles/${impatient}/abort`);
  // It did not have to wait until the first gave it back.
  expect((await gpu()).items).toMatchObject([{ cycle_id: first }]);

  const patient = await startCycle(house.api, recipe({}, 'other'));
  await untilEvent(house, patient, ({ data }) => data.for === 'gpu');
  const before = await pending(patient);
  await expect.poll(async () => (await pending(patient)).beat, { timeout: 60_000 }).toBeGreaterThan(before.beat);
  expect(await pending(patient)).toMatchObject({ attempt: 1 });
  expect((await gpu()).items).toMatchObject([{ cycle_id: first }]);
  await house.api.post(`/api/cycles/${first}/abort`);
  await untilEvent(house, patient, trainedTo(1));
  expect(await pending(patient)).toMatchObject({ attempt: 1 });
  expect((await gpu()).items).toMatchObject([{ cycle_id: patient }]);
  const { steps } = await untilCycle(house.api, patient, () => true);
  expect(steps.at(-1)).toMatchObject({ step: 'train', attempt: 1, state: 'running' });

  await killHolder(patient);
});

/** The worker of a cycle dies without a word: the next one goes on with its lease, without waiting until it lapses. */
async function killHolder(cycle: string): Promise<void> {
  await untilEvent(house, cycle, ({ data }) => data.event === 'checkpoint');
  const [held] = (await gpu()).items;
  const pid = held?.pid ?? 0;
  const trainers = trainerPids(await eventsOf(house, cycle));
  process.kill(pid, 'SIGKILL');
  expect(await untilGone(trainers, 10_000)).toEqual([]);
  await untilEvent(house, cycle, ({ data }) => data.event === 'resumed');
  expect((await gpu()).items).toMatchObject([{ cycle_id: cycle }]);
  expect((await gpu()).items[0]?.pid).not.toBe(pid);
  await house.api.post(`/api/cycles/${cycle}/abort`);
}

test('evaluations answer on the CPU or wait, and bases are served without the GPU, while another cycle has it', async () => {
  await expect.poll(async () => (await gpu()).items, { timeout: 90_000 }).toEqual([]);
  const { gpuLeases } = own.store;
  const place = { host, device: 'gpu' };
  const who = { owner: 'key', holder: 'test', cycleId: 'another', step: 'train', pid: process.pid } as const;
  await gpuLeases.take({ ...place, ...who, expectedEnd: null, ttlMs: 600_000 });
  await own.gpu.look();
  const signal = AbortSignal.timeout(240_000);
  const { ask, serveBase } = own.activities;
  const question = { model: `ollama/${model}`, messages, temperature: 0, max_tokens: 8, seed: 1 } as const;

  expect(await ask(question, signal)).not.toBe('');
  await serveBase('other', signal);
  await expect.poll(() => ollama.loaded()).not.toContain('test-other-base:latest');

  say(house.folder, { ...always, cpu_gb: 0 });
  await expect.poll(() => own.settings.current().gpu.cpuGb).toBe(0);
  let answered = false;
  const waiting = ask(question, signal).then((text) => {
    answered = true;
    return text;
  });
  await sleep(1_500);
  expect(answered).toBe(false);
  await gpuLeases.release(place, 'test');
  expect(await waiting).not.toBe('');
});

function recipe(train: NonNullable<RecipeInput['train']>, base = 'tiny-support'): RecipeInput {
  const given = testRecipe(house.world, {
    train: { epochs: 100, batch_size: 1, micro_batch_size: 1, packing: 'off', checkpoint_steps: 2, ...train },
  });
  return { ...given, base };
}

/** Writes the settings as an editor does. */
function say(folder: string, settings: object, ollamaUrl = house.config.ollamaUrl): void {
  const beside = { kind: 'llamacpp', base_url: `${ollamaUrl}/v1`, gpu: false };
  const team = { model: `ollama/${model}`, fallback: [`beside/${model}`] };
  const file = join(folder, 'ratchet.json');
  writeFileSync(`${file}.new`, JSON.stringify({ gpu: settings, providers: { beside }, routes: { team } }));
  renameSync(`${file}.new`, file);
}

/** Asks Ollama directly, again and again, as a client does that knows nothing of Ratchet. */
function hammer(): () => Promise<void> {
  const stop = new AbortController();
  const once = () =>
    fetch(`${house.config.ollamaUrl}/api/generate`, {
      method: 'POST',
      body: JSON.stringify({ model, prompt: 'Hello', stream: false, options: { num_predict: 4 } }),
    }).then((response) => response.text());
  const going = (async () => {
    while (!stop.signal.aborted) {
      await once();
      await sleep(100);
    }
  })();
  return async () => {
    stop.abort();
    await going;
  };
}

function chat(body: object): Promise<Response> {
  return fetch(`${house.workspace.api}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ messages, temperature: 0, max_tokens: 8, ...body }),
  });
}

interface RecordView {
  request: Record<string, unknown>;
  attempts: unknown[];
}

function recordOf(response: Response): Promise<RecordView> {
  return house.api.get(`/api/completions/${response.headers.get('x-ratchet-completion-id')}`);
}

function gpu(): Promise<GpuView> {
  return house.api.get('/api/gpu');
}

/** What Temporal says of the one activity of a cycle that is not over. */
async function pending(cycle: string): Promise<{ attempt: number; beat: number }> {
  const { raw } = await house.temporal.workflow.getHandle(workflowId(cycle)).describe();
  const activity = raw.pendingActivities?.[0];
  return { attempt: Number(activity?.attempt), beat: Number(activity?.lastHeartbeatTime?.seconds ?? 0) };
}
