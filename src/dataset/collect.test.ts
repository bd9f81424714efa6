import { describe, expect, test } from 'vitest';
import { type RecipeInput, recipeSchema } from '../core/recipe.ts';
import { type Collection, collect, shortage } from './collect.ts';
import { type RatedChats, ask, openRatedChats } from './fixtures/rated-chats.ts';

const everything = { trainAllowed: () => true };

function recipeOf(change: Partial<RecipeInput> = {}) {
  return recipeSchema.parse({ name: 'r', base: 'b', build: { min_examples: 1 }, ...change });
}

async function rated(chats: RatedChats, text: string, provider = 'ollama', tags?: string[]): Promise<string> {
  const id = await chats.chat({ messages: [ask(text)], answer: `about ${text}`, provider });
  await chats.rate(id, { rating: 1, ...(tags && { tags }) });
  return id;
}

describe('collect', () => {
  test('lists what is rated or corrected, sorted, and the same again', async () => {
    await using chats = await openRatedChats();
    const good = await rated(chats, 'one');
    const bad = await chats.chat({ messages: [ask('two')], answer: 'wrong' });
    const down = await chats.rate(bad, { rating: -1, correction: { role: 'assistant', content: 'right' } });
    await chats.chat({ messages: [ask('three')], answer: 'not rated' });

    const first = await collect({ store: chats.store, ...everything }, recipeOf());
    const blob = await chats.store.blobs.getJson<Collection>(first.collection);
    expect(first.examples).toBe(2);
    expect(blob.examples).toMatchObject([
      { completion: good, choice: 0, signal: 'approved' },
      { completion: bad, choice: 0, signal: 'corrected', feedback: [down] },
    ]);
    expect(await collect({ store: chats.store, ...everything }, recipeOf())).toEqual(first);

    await chats.rate(good, { rating: -1 });
    const later = await collect({ store: chats.store, ...everything }, recipeOf());
    expect(later.examples).toBe(1);
    expect(await chats.store.blobs.getJson<Collection>(first.collection)).toEqual(blob);
  });

  test('reads past one page', async () => {
    await using chats = await openRatedChats();
    for (let index = 0; index < 230; index++) await rated(chats, `question ${index}`);
    expect(await collect({ store: chats.store, ...everything }, recipeOf())).toMatchObject({ examples: 230 });
  });

  test.each<[string, RecipeInput['collect'], number]>([
    ['everything', {}, 3],
    ['a provider', { providers: ['openai'] }, 1],
    ['a model by its own name', { models: ['tiny'] }, 3],
    ['a model ref', { models: ['openai/tiny'] }, 1],
    ['a tag', { tags: ['keep'] }, 1],
    ['a past', { until: '2020-01-01T00:00:00Z' }, 0],
    ['the present', { since: '2020-01-01T00:00:00Z' }, 3],
  ])('takes %s', async (_name, choice, count) => {
    await using chats = await openRatedChats();
    await rated(chats, 'one', 'ollama', ['keep', 'other']);
    await rated(chats, 'two', 'ollama', ['other']);
    await rated(chats, 'three', 'openai');
    const found = collect({ store: chats.store, ...everything }, recipeOf({ collect: choice }));
    if (count === 0) await expect(found).rejects.toMatchObject({ code: 'NotEnoughData' });
    else expect((await found).examples).toBe(count);
  });

  test.each([
    ['chat', 1],
    ['responses', 1],
    ['text', 0],
    ['embeddings', 0],
  ] as const)('of kind %s takes %i', async (kind, count) => {
    await using chats = await openRatedChats();
    await rated(chats, 'one');
    const id = await chats.chat({ messages: [ask('two')], answer: 'about two', kind });
    await chats.rate(id, { rating: 1 });
    const { collection } = await collect({ store: chats.store, ...everything }, recipeOf());
    const { examples } = await chats.store.blobs.getJson<Collection>(collection);
    expect(examples.filter(({ completion }) => completion === id)).toHaveLength(count);
    expect(examples).toHaveLength(1 + count);
  });

  test('takes nothing of a chat of which only figures are kept', async () => {
    await using chats = await openRatedChats();
    const id = await chats.chat({ messages: [ask('secret')], answer: 'hidden', record: 'meta' });
    // It has no answer that could be rated, nor can a correction bring one in.
    await expect(chats.rate(id, { rating: 1 })).rejects.toMatchObject({ code: 'NotFound' });
    await expect(chats.rate(id, { correction: { role: 'assistant', content: 'right' } })).rejects.toMatchObject({
      code: 'NotFound',
    });
    await expect(collect({ store: chats.store, ...everything }, recipeOf())).rejects.toMatchObject({
      code: 'NotEnoughData',
    });
  });

  test('takes nothing of an erased chat, whether it was approved or corrected', async () => {
    await using chats = await openRatedChats();
    const approved = await rated(chats, 'one');
    const corrected = await chats.chat({ messages: [ask('two')], answer: 'wrong' });
    await chats.rate(corrected, { correction: { role: 'assistant', content: 'right' } });
    const kept = await rated(chats, 'three');
    for (const completionId of [approved, corrected]) await chats.store.chats.erase({ completionId });
    const { collection } = await collect({ store: chats.store, ...everything }, recipeOf());
    const { examples } = await chats.store.blobs.getJson<Collection>(collection);
    expect(examples.map(({ completion }) => completion)).toEqual([kept]);
  });

  test('leaves out providers that may not be learned from, and says so', async () => {
    await using chats = await openRatedChats();
    await rated(chats, 'one', 'openai');
    const deps = { store: chats.store, trainAllowed: (provider: string) => provider !== 'openai' };
    await expect(collect(deps, recipeOf())).rejects.toMatchObject({
      code: 'NotEnoughData',
      message:
        'You have 0 usable examples and the recipe needs 1: rate or correct 1 more answer. ' +
        'Rated answers of openai are left out: set "train": true for that provider to learn from them.',
    });
  });

  test('says what to do when there is too little', async () => {
    await using chats = await openRatedChats();
    const run = () => collect({ store: chats.store, ...everything }, recipeOf({ build: {} }));
    await expect(run()).rejects.toThrow('There are no chats yet: chat with a model, then rate or correct 20 answers.');
    await chats.chat({ messages: [ask('one')], answer: 'two' });
    await expect(run()).rejects.toThrow('There are chats, but no answer is rated yet: rate or correct 20 answers.');
    for (const text of ['a', 'b', 'c']) await rated(chats, text);
    await expect(run()).rejects.toThrow(
      'You have 3 usable examples and the recipe needs 20: rate or correct 17 more answers.',
    );
  });
});

test.each([
  [0, 1, 'You have 0 usable examples and the recipe needs 1: rate or correct 1 more answer.'],
  [1, 3, 'You have 1 usable example and the recipe needs 3: rate or correct 2 more answers.'],
])('shortage of %i for %i', (have, need, sentence) => {
  expect(shortage(have, need)).toBe(sentence);
});
