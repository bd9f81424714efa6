import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OpenAPIHono } from '@hono/zod-openapi';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RatchetError } from '../core/errors.ts';
import { recipeSchema } from '../core/recipe.ts';
import { buildDataset } from '../dataset/build.ts';
import { collect } from '../dataset/collect.ts';
import { ask, openRatedChats, type RatedChats } from '../dataset/fixtures/rated-chats.ts';
import type { App, AppEnv } from './context.ts';
import { datasetRoutes } from './datasets.ts';
import { errorResponse, refuseInvalid } from './errors.ts';
import { modelRoutes } from './models.ts';
import { promotionRoutes } from './promotions.ts';

let chats: RatedChats;
let folder: string;
let app: App;

beforeEach(async () => {
  chats = await openRatedChats();
  folder = await mkdtemp(join(tmpdir(), 'ratchet-api-'));
  const { store } = chats;
  const log = pino({ level: 'silent' });
  app = new OpenAPIHono<AppEnv>({ defaultHook: refuseInvalid });
  app.use(async (context, next) => {
    context.set('owner', 'anna');
    await next();
  });
  app.onError((error, context) => errorResponse(context, error, log));
  modelRoutes({ store })(app);
  promotionRoutes({
    promotions: {
      models: store.models,
      selectionFile: join(folder, 'model_select.json'),
      assertServed: async (ref) => {
        if (ref === 'ollama/none') throw new RatchetError('NotFound', 'Ollama does not have none.');
      },
    },
  })(app);
  datasetRoutes({ store, datasetsDir: join(folder, 'datasets') })(app);
});
afterEach(async () => {
  await chats[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function get(path: string): Promise<{ status: number; body: unknown }> {
  const response = await app.request(path);
  return { status: response.status, body: await response.json() };
}

async function post(path: string, body: unknown): Promise<{ status: number; body: unknown }> {
  const headers = { 'content-type': 'application/json' };
  const response = await app.request(path, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, body: await response.json() };
}

async function register(served: string): Promise<string> {
  const version = {
    name: 'support',
    base: 'tiny-support',
    dataset: 'd'.repeat(64),
    recipe: 'e'.repeat(64),
    adapterDigest: served.padEnd(64, '0'),
    served,
    servedDigest: '0'.repeat(64),
    cycleId: 'cycle',
    metrics: { loss: 1 },
  };
  return (await chats.store.models.register(version)).id;
}

describe('/api/models', () => {
  test('lists versions and gives one', async () => {
    const id = await register('ollama/a');
    const version = { id, served: 'ollama/a', base: 'tiny-support', cycle_id: 'cycle', metrics: { loss: 1 } };
    expect(await get('/api/models')).toMatchObject({ status: 200, body: { items: [version], next: null } });
    expect(await get(`/api/models/${id}`)).toMatchObject({ status: 200, body: version });
    expect(await get('/api/models/none')).toMatchObject({ status: 404, body: { code: 'NotFound' } });
  });
});

describe('/api/promotions', () => {
  test('selects a version, selects a model, and goes back', async () => {
    const id = await register('ollama/a');
    expect(await get('/api/promotions')).toEqual({ status: 200, body: { selected: null, items: [], next: null } });
    const first = await post('/api/promotions', { model_version: id });
    expect(first).toMatchObject({
      status: 200,
      body: { kind: 'promote', model: 'ollama/a', model_version: id, actor: 'anna', state: 'applied' },
    });
    await post('/api/promotions', { model: 'openai/gpt-4o-mini', evidence: 'f'.repeat(64) });
    expect(await post('/api/promotions/rollback', {})).toMatchObject({ status: 201, body: { model: 'ollama/a' } });
    expect(await get('/api/promotions?limit=2')).toMatchObject({
      body: { selected: 'ollama/a', items: [{ kind: 'rollback' }, { model: 'openai/gpt-4o-mini' }] },
    });
    expect(await post('/api/promotions/rollback', {})).toMatchObject({ status: 409, body: { code: 'Conflict' } });
  });

  test.each([
    [{}, 400, 'give either model_version or model'],
    [{ model: 'a/b', model_version: 'c' }, 400, 'give either model_version or model'],
    [{ model: 'bare' }, 400, 'write it as "provider/model"'],
    [{ model: 'ollama/none' }, 404, 'Ollama does not have none.'],
    [{ model_version: 'none' }, 404, 'There is no model version none'],
    [{ model: 'a/b', evidence: 'x' }, 400, 'evidence'],
  ])('%j is refused', async (body, status, detail) => {
    expect(await post('/api/promotions', body)).toMatchObject({
      status,
      body: { detail: expect.stringContaining(detail) as string },
    });
  });

  test('a torn selection file is told with what to do', async () => {
    await writeFile(join(folder, 'model_select.json'), '{');
    expect(await get('/api/promotions')).toMatchObject({ status: 400, body: { code: 'InvalidInput' } });
  });
});

describe('/api/datasets', () => {
  async function build(): Promise<string> {
    for (const text of ['one', 'two', 'three']) {
      await chats.rate(await chats.chat({ messages: [ask(text)], answer: `about ${text}` }), { rating: 1 });
    }
    const recipe = recipeSchema.parse({ name: 'support', base: 'b', build: { min_examples: 1, val: 0, test: 0 } });
    const { collection } = await collect({ store: chats.store, trainAllowed: () => true }, recipe);
    const deps = {
      store: chats.store,
      datasetsDir: join(folder, 'datasets'),
      evalsDir: join(folder, 'evals'),
      buildCacheDir: join(folder, 'cache'),
    };
    const request = { recipe, recipeDigest: 'a'.repeat(64), collection, cycleId: null };
    return (await buildDataset(deps, request)).manifest.digest;
  }

  test('lists versions, gives one, and exports its splits', async () => {
    const digest = await build();
    const version = { digest, name: 'support', splits: { train: { rows: 3 }, test: { rows: 0 } } };
    expect(await get('/api/datasets')).toMatchObject({ status: 200, body: { items: [version], next: null } });
    expect(await get(`/api/datasets/${digest}`)).toMatchObject({ status: 200, body: version });

    const response = await app.request(`/api/datasets/${digest}/train.jsonl`);
    expect(response.headers.get('content-type')).toBe('application/jsonl; charset=utf-8');
    const lines = (await response.text()).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toHaveLength(3);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      messages: [
        { role: 'user', content: 'one' },
        { role: 'assistant', content: 'about one' },
      ],
    });
    expect(await (await app.request(`/api/datasets/${digest}/test.jsonl`)).text()).toBe('');
  });

  test.each([
    ['/api/datasets/abc', 400],
    [`/api/datasets/${'0'.repeat(64)}`, 404],
    [`/api/datasets/${'0'.repeat(64)}/train.jsonl`, 404],
    [`/api/datasets/${'0'.repeat(64)}/manifest.json`, 400],
  ])('%s is refused', async (path, status) => {
    expect(await get(path)).toMatchObject({ status });
  });

  test('files that are gone are told', async () => {
    const digest = await build();
    await rm(join(folder, 'datasets'), { recursive: true });
    expect(await get(`/api/datasets/${digest}/val.jsonl`)).toMatchObject({ status: 404 });
  });
});
