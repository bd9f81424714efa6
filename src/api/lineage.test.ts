import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { assistant, chat, user } from '../../test/contract/chat-samples.ts';
import { type Harness, openHarness } from '../../test/fixtures/gateway-harness.ts';
import { recipeSchema } from '../core/recipe.ts';
import { buildDataset } from '../dataset/build.ts';
import { collect } from '../dataset/collect.ts';
import { lineageRoutes } from './lineage.ts';

let harness: Harness;
let datasetsDir: string;
beforeEach(async () => {
  datasetsDir = await mkdtemp(join(tmpdir(), 'ratchet-lineage-'));
  harness = await openHarness({ providers: [], routes: (store) => [lineageRoutes({ store })] });
});
afterEach(async () => {
  await harness.close();
  await rm(datasetsDir, { recursive: true, force: true });
});

async function build(name: string): Promise<string> {
  const { store } = harness;
  const recipe = recipeSchema.parse({ name, base: 'b', build: { min_examples: 1, val: 0, test: 0 } });
  const { collection } = await collect({ store, trainAllowed: () => true }, recipe);
  const request = { recipe, recipeDigest: 'a'.repeat(64), collection, cycleId: null };
  return (
    await buildDataset(
      { store, datasetsDir, evalsDir: join(datasetsDir, 'evals'), buildCacheDir: join(datasetsDir, 'cache') },
      request,
    )
  ).manifest.digest;
}

async function get(path: string, key?: string) {
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const response = await harness.app.request(path, { headers });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const version = (dataset: string, served: string) => ({
  name: 'x',
  base: 'b',
  dataset,
  recipe: 'r',
  adapterDigest: served,
  served,
  servedDigest: 's',
  cycleId: 'c',
  metrics: {},
});

test('a row leads to its answer, its feedback and its raters, and a completion to everything that learned from it', async () => {
  const { store } = harness;
  const corrected = await chat(store, [user('where is it')], 'nowhere', { owner: 'local' });
  const approved = await chat(store, [user('something else')], 'yes', { owner: 'local' });
  const said = { choice: 0, source: 'api' };
  await store.feedback.add({ ...said, completionId: corrected.id, rater: 'bob', rating: -1 });
  const better = { ...said, completionId: corrected.id, rater: 'ada', correction: assistant('in the north') };
  const correction = await store.feedback.add(better);
  const ratings = [];
  for (const rater of ['bob', 'ada']) {
    ratings.push(await store.feedback.add({ ...said, completionId: approved.id, rater, rating: 1 }));
  }
  const first = await build('one');
  const second = await build('two');
  expect(second).toBe(first);
  await chat(store, [user('unrated')], 'x');
  await store.feedback.add({ ...said, completionId: approved.id, rater: 'cleo', comment: 'later', score: 1 });
  const model = await store.models.register(version(first, 'ollama/trained'));

  const row = await get(`/api/datasets/${first}/rows/${corrected.id}.0/lineage`);
  expect(row).toMatchObject({
    status: 200,
    body: {
      row: `${corrected.id}.0`,
      split: 'train',
      signal: 'corrected',
      author: 'person',
      completions: [{ id: corrected.id, choice: 0, conversation_id: corrected.conversationId, model: 'ollama/tiny' }],
      feedback: [{ id: correction.id, rater: 'ada', correction: { content: 'in the north' } }],
      feedback_forgotten: [],
      raters: ['ada'],
      models: [{ id: model.id, served: 'ollama/trained', dataset: first }],
    },
  });
  // What was said after the collection is no part of it.
  const other = await get(`/api/datasets/${first}/rows/${approved.id}.0/lineage`);
  expect(other.body).toMatchObject({ signal: 'approved', author: 'ollama/tiny', raters: ['ada', 'bob'] });
  expect(other.body.feedback).toHaveLength(2);
  expect(other.body.feedback).toMatchObject(ratings.map(({ id }) => ({ id })));

  const found = await get(`/api/completions/${approved.id}/lineage`);
  expect(found).toMatchObject({
    status: 200,
    body: {
      datasets: [{ digest: first, name: 'one', split: 'train', row: `${approved.id}.0` }],
      models: [{ id: model.id, dataset: first }],
    },
  });
});

test('what nothing learned from has no lineage, and what is not there is not found', async () => {
  const { store } = harness;
  const { id } = await chat(store, [user('a')], 'b', { owner: 'local' });
  await store.feedback.add({ completionId: id, choice: 0, rater: 'ada', rating: 1, source: 'api' });
  const digest = await build('one');
  const other = await chat(store, [user('c')], 'd', { owner: 'local' });
  expect((await get(`/api/completions/${other.id}/lineage`)).body).toMatchObject({ datasets: [], models: [] });
  for (const path of [
    `/api/datasets/${digest}/rows/${other.id}.0/lineage`,
    `/api/datasets/${'f'.repeat(64)}/rows/${id}.0/lineage`,
    '/api/completions/nobody/lineage',
  ]) {
    expect(await get(path)).toMatchObject({ status: 404, body: { code: 'NotFound' } });
  }
});

test('whoever may not read a completion does not learn what became of it', async () => {
  const { store } = harness;
  const { id } = await chat(store, [user('a')], 'b', { owner: 'ada' });
  const make = async (name: string, role: string, admin?: string) => {
    const headers = admin === undefined ? {} : { authorization: `Bearer ${admin}` };
    const made = await harness.post('/api/keys', { name, role, owner: name }, { headers });
    return ((await made.json()) as { key: string }).key;
  };
  const admin = await make('root', 'admin');
  const [own, strange] = [await make('ada', 'rate', admin), await make('bob', 'rate', admin)];
  expect((await get(`/api/completions/${id}/lineage`, own)).status).toBe(200);
  expect((await get(`/api/completions/${id}/lineage`, strange)).status).toBe(404);
  expect((await get(`/api/datasets/${'f'.repeat(64)}/rows/x/lineage`, own)).status).toBe(403);
});
