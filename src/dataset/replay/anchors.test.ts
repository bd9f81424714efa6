import { describe, expect, test } from 'vitest';
import { recipeSchema } from '../../core/recipe.ts';
import type { Collection } from '../collect.ts';
import { collect, promptsOf } from '../collect.ts';
import { ask, openRatedChats } from '../fixtures/rated-chats.ts';
import { anchorsOf, mostReplayed } from './anchors.ts';
import { generalPrompts } from './general-prompts.ts';

const nothing = { chats: { get: async () => null } } as unknown as Parameters<typeof anchorsOf>[0];

function recipeOf(replay: object) {
  return recipeSchema.parse({ name: 'r', base: 'b', build: { min_examples: 1, replay } });
}

function collectionOf(examples: number): Collection {
  const example = { completion: 'c', choice: 0, signal: 'approved' as const, feedback: [] };
  return { schema: 2, examples: Array.from({ length: examples }, () => example) };
}

async function textsOf(replay: object, examples = 1000): Promise<unknown[]> {
  const { build } = recipeOf(replay);
  if (build.replay === null) throw new Error('no replay');
  const anchors = await anchorsOf(nothing, collectionOf(examples), build.replay);
  return anchors.map(({ messages }) => messages.at(-1)?.content);
}

test.each([
  [{ rows: 100, share: 0.5 }, 20, 20],
  [{ rows: 100, share: 0.5 }, 500, 100],
  [{ rows: 100, share: 0.2 }, 40, 10],
  [{ rows: 100, share: 0.9 }, 1, 9],
  [{ rows: 3, share: 0.5 }, 0, 0],
])('%j beside %i taught rows are at most %i', (replay, taught, most) => {
  expect(mostReplayed(replay, taught)).toBe(most);
});

describe('the general prompts', () => {
  test('are some hundred, of many kinds and scripts, none twice', () => {
    expect(generalPrompts.length).toBeGreaterThan(140);
    expect(new Set(generalPrompts.map((text) => text.trim())).size).toBe(generalPrompts.length);
    const scripts = ['Latin', 'Cyrillic', 'Han', 'Hiragana', 'Hangul', 'Arabic', 'Devanagari'];
    const found = scripts.filter((name) =>
      generalPrompts.some((text) => new RegExp(`\\p{sc=${name}}`, 'u').test(text)),
    );
    expect(found).toEqual(scripts);
  });

  test('are taken in an order that the seed gives, and fewer are the first of more', async () => {
    const hundred = await textsOf({});
    expect(hundred).toHaveLength(100);
    expect(await textsOf({ rows: 10 })).toEqual(hundred.slice(0, 10));
    expect(await textsOf({}, 7)).toEqual(hundred.slice(0, 7));
    expect(await textsOf({ seed: 2 })).not.toEqual(hundred);
  });
});

test('of a list of one’s own each is asked once', async () => {
  expect(new Set(await textsOf({ prompts: ['a', 'b', 'a'] }))).toEqual(new Set(['a', 'b']));
  expect(await textsOf({ prompts: ['a', 'b', 'a'] })).toHaveLength(2);
});

test('of chats the openings of conversations that are unrated and may be learned from are taken, and only they', async () => {
  await using chats = await openRatedChats();
  const question = ask('a topic of its own');
  const opening = await chats.chat({ messages: [{ role: 'developer', content: 'Be short.' }, question], answer: 'x' });
  const turns = [question, { role: 'assistant', content: 'x' }, ask('and then?')];
  await chats.chat({ messages: turns, answer: 'y' });
  await chats.rate(await chats.chat({ messages: [ask('rated')], answer: 'x' }), { rating: 1 });
  await chats.chat({ messages: [ask('remote')], answer: 'x', provider: 'openai' });
  await chats.chat({ messages: [ask('with tools')], answer: 'x', envelope: { tools: [{ type: 'function' }] } });
  await chats.chat({
    messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }],
    answer: 'x',
  });
  await chats.chat({ messages: [ask('said by nobody')], answer: 'x', record: 'meta' });
  const erased = await chats.chat({ messages: [ask('erased')], answer: 'x' });
  await chats.store.chats.erase({ completionId: erased });
  const recipe = recipeOf({ prompts: 'conversations' });
  const deps = { store: chats.store, trainAllowed: (provider: string) => provider !== 'openai' };
  expect(await promptsOf(deps, recipe)).toEqual([opening]);
  const { collection } = await collect(deps, recipe);
  const listed = await chats.store.blobs.getJson<Collection>(collection);
  expect(listed.prompts).toEqual([opening]);
  const [anchor] = await anchorsOf(chats.store, listed, recipe.build.replay ?? recipeOf({}).build.replay!);
  expect(anchor).toMatchObject({
    messages: [{ role: 'system', content: 'Be short.' }, { content: 'a topic of its own' }],
    completion: opening,
    node: expect.any(String) as string,
  });
});
