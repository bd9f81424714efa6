import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type RecipeInput, recipeSchema } from '../core/recipe.ts';
import { buildDataset } from './build.ts';
import { collect } from './collect.ts';
import { diffVersions } from './diff.ts';
import { type RatedChats, ask, openRatedChats } from './fixtures/rated-chats.ts';
import { leftOutOf } from './left-out.ts';
import { previewBuild } from './preview.ts';

const recipeOf = (build: RecipeInput['build'] = {}) =>
  recipeSchema.parse({ name: 'r', base: 'b', build: { min_examples: 1, ...build } });

const depsOf = ({ store, folder }: RatedChats) => ({
  store,
  datasetsDir: join(folder, 'datasets'),
  evalsDir: join(folder, 'evals'),
  buildCacheDir: join(folder, 'cache'),
  trainAllowed: () => true,
});

async function build(chats: RatedChats, change: RecipeInput['build'] = {}): Promise<string> {
  const deps = depsOf(chats);
  const { collection } = await collect(deps, recipeOf(change));
  const request = { recipe: recipeOf(change), recipeDigest: 'a'.repeat(64), collection, cycleId: null };
  return (await buildDataset(deps, request)).folder;
}

async function rated(chats: RatedChats, text: string): Promise<string> {
  const id = await chats.chat({ messages: [ask(text)], answer: `about ${text}` });
  await chats.rate(id, { rating: 1 });
  return id;
}

test('what was added, removed, moved and changed between two versions, and why', async () => {
  await using chats = await openRatedChats();
  await rated(chats, 'one');
  const goes = await rated(chats, 'two');
  const corrected = await rated(chats, 'three');
  await rated(chats, 'one ');
  const first = await build(chats, { val: 0, test: 0 });
  const comes = await rated(chats, 'four');
  await chats.rate(goes, { rating: -1 });
  await chats.rate(corrected, { correction: { role: 'assistant', content: 'better' } });
  const second = await build(chats, { val: 0, test: 0 });
  const diff = await diffVersions(first, second, 10);
  expect(diff).toMatchObject({ added: 1, removed: 0, moved: 0, changed: 2, same: 1 });
  expect(diff.reasons).toEqual({ 'added: not_collected': 1, 'changed: what it says': 2 });
  // What was good is bad now, which is something else to learn.
  expect(diff.examples.map(({ id, change }) => `${change} ${id}`).sort()).toEqual(
    [`added ${comes}.0`, `changed ${goes}.0`, `changed ${corrected}.0`].sort(),
  );
  const back = await diffVersions(second, await build(chats, { val: 0, test: 0, max_examples: 1 }), 10);
  expect(back.reasons).toEqual({ 'removed: over_max_examples': 2 });
  expect(await diffVersions(first, first, 10)).toMatchObject({ added: 0, removed: 0, moved: 0, changed: 0, same: 3 });
});

test('what moved to another split says from where to where', async () => {
  await using chats = await openRatedChats();
  for (let at = 0; at < 40; at += 1) await rated(chats, `question ${at}`);
  const all = await build(chats, { val: 0, test: 0 });
  const diff = await diffVersions(all, await build(chats, { val: 0, test: 0.4 }), 50);
  expect(Object.keys(diff.reasons)).toEqual(['moved: train to test']);
  expect(diff.moved).toBeGreaterThan(3);
  expect(diff.same).toBe(40 - diff.moved);
});

test('a preview tells what every stage would do with the first answers, shows what it changes, and leaves nothing', async () => {
  await using chats = await openRatedChats();
  for (const text of ['one', 'two', 'one', 'my address is anna@example.org  ', 'four', 'five'])
    await rated(chats, text);
  const preview = await previewBuild(depsOf(chats), recipeOf(), 5);
  expect(preview).toMatchObject({ examples: 5, more: true, withheld: [] });
  expect(preview.stages.find(({ stage }) => stage === 'exact_duplicates')).toMatchObject({
    in: 5,
    out: 4,
    dropped: { duplicate: 1 },
  });
  expect(preview.rows.train + preview.rows.val + preview.rows.test).toBe(4);
  expect(preview.changes).toContainEqual({
    stage: 'redact',
    id: expect.any(String) as string,
    before: 'my address is anna@example.org',
    after: 'my address is [EMAIL_1]',
  });
  expect(preview.replay).toBeNull();
  expect((await previewBuild(depsOf(chats), recipeOf({ replay: {} }), 5)).replay).toBe(6);
  expect(await readdir(join(chats.folder, 'datasets'))).toEqual([]);
  expect((await chats.store.datasets.list({ limit: 1 })).items).toEqual([]);
});

test('what was left out is found by its reason, and a preference by both its answers', async () => {
  await using chats = await openRatedChats();
  const ref = (completionId: string) => ({ completionId, choice: 0 });
  const ids = [await rated(chats, 'same'), await rated(chats, 'same'), await rated(chats, 'another')];
  const [one = '', two = '', other = ''] = ids;
  await chats.rate(one, { over: [ref(other)] });
  const folder = await build(chats, { val: 0, test: 0 });
  const of = async (completion: string) => (await leftOutOf(folder, { completion }, 9)).reasons;
  expect(await of(one)).toEqual({ asked_something_else: 1, duplicate: 1 });
  expect(await of(two)).toEqual({});
  expect(await of(other)).toEqual({ asked_something_else: 1 });
  const { reasons, items } = await leftOutOf(folder, { reason: 'duplicate' }, 0);
  expect([reasons, items]).toEqual([{ duplicate: 1 }, []]);
  expect(await leftOutOf(join(folder, 'nowhere'), {}, 9)).toEqual({ reasons: {}, items: [] });
});
