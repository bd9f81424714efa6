import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask } from '../../src/cli/demo/rate-chats.ts';
import { inHouseStyle } from '../../src/cli/demo/world.ts';
import type { ErrorCode } from '../../src/core/errors.ts';
import { eventsOf, trainedTo, trainerPids, untilEvent } from '../fixtures/cycle-events.ts';
import { type FragileWorkspace, startFragileWorkspace } from '../fixtures/fragile-workspace.ts';
import { type CycleView, addRatedChats, inState, startCycle, testRecipe, untilCycle } from '../fixtures/workspace.ts';

let house: FragileWorkspace;

beforeAll(async () => {
  house = await startFragileWorkspace();
});
afterAll(() => house?.stop());

test.each([
  ['an unknown provider', 'nosuch/tiny-support', 404, 'No provider lists a model "nosuch/tiny-support"'],
  ['a misspelt model', 'test-tiny-suport-base', 404, 'the nearest are ollama/test-tiny-support-base'],
  ['a model that its provider does not have', 'ollama/nosuch', 404, 'ollama has no model "nosuch"'],
])('%s is told from the names that there are', async (_, model, status, sentence) => {
  const answer = await send('/v1/chat/completions', { model, messages: [{ role: 'user', content: 'Hi' }] });
  expect(answer.status).toBe(status);
  expect(answer.body.error).toMatchObject({ code: 'NotFound', message: expect.stringContaining(sentence) });
});

test.each(['/v1/chat/completions', '/api/cycles', '/api/feedback'])('%s refuses what is not JSON', async (path) => {
  const answer = await send(path, '{"model": ');
  expect(answer.status).toBe(400);
  expect(answer.body.code ?? answer.body.error?.code).toBe('InvalidInput');
  expect(answer.body.detail ?? answer.body.error?.message).toMatch(/JSON.*: /i);
});

test('a recipe with several bad values is refused with every one of them', async () => {
  const bad = { base: 'Tiny Support', train: { rank: 0, lr: 1 }, gate: { alpha: 2 }, extra: true };
  const answer = await send('/api/cycles', bad);
  expect(answer.status).toBe(400);
  for (const name of ['name', 'base', 'train.rank', 'lr', 'gate.alpha', 'extra'])
    expect(answer.body.detail).toContain(name);
});

test('a gate on what the suite does not measure is refused with what it does', async () => {
  const answer = await send('/api/cycles', { ...recipe({ max_steps: 1 }), gate: { metric: 'nonsense' } });
  expect(answer.status).toBe(400);
  expect(answer.body.detail).toContain('gate.metric: the suite measures compliance, accuracy');
});

test('a base that does not exist is refused with those that do', async () => {
  const answer = await send('/api/cycles', { name: 'x', base: 'nosuch' });
  expect(answer.status).toBe(422);
  expect(answer.body).toMatchObject({ code: 'BaseMissing' });
  expect(answer.body.detail).toMatch(/put its folder there .* There are: tiny-support\./);
});

test('a cycle without chats, ratings, Python or disk parks at each with what to do, and completes in the end', async () => {
  const id = await startCycle(house.api, recipe({ max_steps: 60, checkpoint_steps: 3 }));
  await expectParked(id, 'collect', 'NotEnoughData', 'There are no chats yet: chat with a model, then rate');
  await ask(house.api, 'How do I reset my password?');
  await retry(id);
  await expectParked(id, 'collect', 'NotEnoughData', 'There are chats, but no answer is rated yet: rate or correct 20');
  await rateThree();
  await retry(id);
  await expectParked(id, 'collect', 'NotEnoughData', 'You have 3 usable examples and the recipe needs 20');

  const refused = await send(`/api/cycles/${id}/retry`, {
    patch: { train: { rank: 0, nonsense: 1 }, build: { val: 9 } },
  });
  expect(refused.status).toBe(400);
  for (const name of ['train.rank', 'nonsense', 'build.val']) expect(refused.body.detail).toContain(name);
  await expectParked(id, 'collect', 'NotEnoughData', 'You have 3 usable examples');

  await addRatedChats(house, 64);
  await house.python.off();
  await retry(id);
  await expectParked(id, 'train', 'PartMissing', 'ratchet doctor');
  await house.python.on();
  await retry(id);
  if (house.disk) {
    await untilEvent(house, id, trainedTo(7));
    await house.disk.off();
    await expectParked(id, 'train', 'DiskFull', 'free some space');
    await house.disk.on();
    await retry(id);
    await untilEvent(house, id, ({ data }) => data.event === 'resumed' && Number(data.step) > 0);
  }
  const done = await untilCycle(house.api, id, inState('completed', 'needs_attention'));
  expect(done).toMatchObject({ state: 'completed', outputs: { train: { steps: 60 } } });
  expect(done.outputs.collect?.examples).toBe(67);
});

test('checkpoints that are all damaged park the cycle, and a restart trains from the beginning', async () => {
  const id = await startCycle(house.api, recipe({ max_steps: 30, checkpoint_steps: 3 }));
  await untilEvent(house, id, trainedTo(8));
  const trainer = trainerPids(await eventsOf(house, id)).at(-1) ?? 0;
  process.kill(trainer, 'SIGSTOP');
  const { steps } = await house.api.get<CycleView>(`/api/cycles/${id}`);
  damageCheckpoints(join(house.config.dataDir, 'cycles', id, steps.at(-1)?.key ?? ''));
  process.kill(trainer, 'SIGKILL');
  await expectParked(id, 'train', 'CorruptCheckpoint', 'damaged');
  await retry(id);
  await expectParked(id, 'train', 'CorruptCheckpoint', 'damaged');
  await retry(id, { patch: { train: { restart: true } } });
  const done = await untilCycle(house.api, id, inState('completed', 'needs_attention'));
  expect(done).toMatchObject({ state: 'completed', outputs: { train: { steps: 30 } } });
});

test('without Ollama a chat says how to start it, and a cycle waits and goes on when it is back', async () => {
  const id = await startCycle(house.api, recipe({ max_steps: 20 }));
  await untilEvent(house, id, trainedTo(1));
  await house.ollama.off();
  const answer = await send('/v1/chat/completions', { model: 'active', messages: [{ role: 'user', content: 'Hi' }] });
  expect(answer.status).toBe(502);
  expect(answer.body.error?.message).toMatch(/^ollama at .* does not answer: start it with "ollama serve"/);
  const failed = await untilEvent(house, id, ({ step, data }) => step === 'import' && data.state === 'failed');
  expect(failed.event.data).toMatchObject({ code: 'ProviderUnavailable' });
  await house.ollama.on();
  const done = await untilCycle(house.api, id, inState('completed', 'needs_attention'));
  expect(done.state).toBe('completed');
});

test('without Temporal chats and ratings go on, a cycle is refused with what to do, and nothing is lost', async () => {
  await house.temporalServer.off();
  // As often as somebody would try, so that it is away for longer than a call may take.
  for (let attempt = 0; attempt < 4; attempt += 1) {
    const refused = await send('/api/cycles', recipe({ max_steps: 5 }));
    expect(refused.status).toBe(503);
    expect(refused.body).toMatchObject({
      code: 'TemporalUnavailable',
      detail: expect.stringMatching(/^Temporal does not answer at .*: start it with "ratchet up"/),
    });
  }
  const { id: chat, text } = await ask(house.api, 'How do I change my email address?');
  expect(text).not.toBe('');
  await house.api.post('/api/feedback', { completion_id: chat, rating: 1 });
  await house.temporalServer.on();
  // By the name of its file, which is as good as all of it.
  mkdirSync(house.config.recipesDir);
  writeFileSync(join(house.config.recipesDir, 'short.yaml'), JSON.stringify(recipe({ max_steps: 5 })));
  const { id } = await house.api.post<CycleView>('/api/cycles', { recipe: 'short' });
  const done = await untilCycle(house.api, id, inState('completed', 'needs_attention'));
  expect(done).toMatchObject({ state: 'completed', outputs: { collect: { examples: 68 } } });
  expect(done).toMatchObject({ name: recipe({ max_steps: 5 }).name, recipe_resolved: { train: { max_steps: 5 } } });
});

function recipe(train: { max_steps: number; checkpoint_steps?: number }) {
  const given = testRecipe(house.world, { train: { epochs: 100, ...train } });
  return { ...given, evaluate: { ...given.evaluate, max_prompts: 4 } };
}

interface Failure {
  code?: string;
  detail?: string;
  error?: { code: string; message: string };
}

async function send(path: string, body: unknown): Promise<{ status: number; body: Failure }> {
  const response = await fetch(house.workspace.api + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Failure };
}

async function retry(id: string, request: object = {}): Promise<void> {
  await house.api.post(`/api/cycles/${id}/retry`, request);
}

async function expectParked(id: string, step: string, code: ErrorCode, sentence: string): Promise<void> {
  const parked = await untilCycle(house.api, id, inState('needs_attention', 'completed'));
  expect(parked.attention).toMatchObject({ step, code, message: expect.stringContaining(sentence) });
  expect(parked.attention?.advice).not.toBe('');
}

async function rateThree(): Promise<void> {
  for (const question of house.world.train_prompts.slice(200, 203)) {
    const { id } = await ask(house.api, question.prompt);
    await house.api.post('/api/feedback', { completion_id: id, correction: inHouseStyle(house.world, question) });
  }
}

function damageCheckpoints(work: string): void {
  const folder = join(work, 'checkpoints');
  const checkpoints = readdirSync(folder).filter((name) => name.startsWith('step-'));
  expect(checkpoints.length).toBeGreaterThan(0);
  for (const name of checkpoints) writeFileSync(join(folder, name, 'state.pt'), 'nonsense');
}
