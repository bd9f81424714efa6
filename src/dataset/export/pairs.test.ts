import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { JsonObject } from '../../core/canonical.ts';
import { type LeftOutRow, type StageCounts, splits } from '../../core/dataset.ts';
import { recipeSchema } from '../../core/recipe.ts';
import type { NewFeedback } from '../../store/types.ts';
import { buildDataset } from '../build.ts';
import { readLines } from '../export.ts';
import { collect } from '../collect.ts';
import { type RatedChats, ask, openRatedChats } from '../fixtures/rated-chats.ts';
import { exporterOf } from './all.ts';
import { createExportSource } from './source.ts';
import { createTally } from './tally.ts';

/** Builds all that is rated, lets `meanwhile` happen, and gives the examples of a format in all splits. */
async function examplesOf(
  chats: RatedChats,
  format: string,
  meanwhile: () => Promise<unknown> = () => Promise.resolve(),
): Promise<{ examples: JsonObject[]; stages: StageCounts[]; left: LeftOutRow[] }> {
  const { store, folder } = chats;
  const recipe = recipeSchema.parse({ name: 'support', base: 'b', build: { min_examples: 1, val: 0, test: 0 } });
  const { collection } = await collect({ store, trainAllowed: () => true }, recipe);
  const deps = {
    store,
    datasetsDir: join(folder, 'datasets'),
    evalsDir: join(folder, 'evals'),
    buildCacheDir: join(folder, 'cache'),
  };
  const { manifest } = await buildDataset(deps, { recipe, recipeDigest: 'a'.repeat(64), collection, cycleId: null });
  await meanwhile();
  const record = await store.datasets.get(manifest.digest);
  if (!record) throw new Error('the dataset was not registered');
  const { note } = createTally();
  const examples: JsonObject[] = [];
  for (const split of splits) {
    const source = createExportSource(deps, record);
    for await (const example of exporterOf(format).examples(source, split, note)) examples.push(example);
  }
  const left = readLines<LeftOutRow>(join(folder, 'datasets', 'support', manifest.digest, 'left-out.jsonl'));
  const leftOut: LeftOutRow[] = [];
  for await (const row of left) leftOut.push(row);
  return { examples, stages: manifest.stages, left: leftOut };
}

const good = (content: string): JsonObject => ({ role: 'assistant', content });
const correction = (content: string): Partial<NewFeedback> => ({ correction: { role: 'assistant', content } });

test('a correction is a pair: it was chosen, and what it corrects was rejected', async () => {
  await using chats = await openRatedChats();
  const id = await chats.chat({ messages: [ask('Capital?')], answer: 'Bonn' });
  await chats.rate(id, correction('Berlin'));
  const prompt = [ask('Capital?')];
  const { examples } = await examplesOf(chats, 'openai-dpo');
  expect(examples).toEqual([
    { input: { messages: prompt }, preferred_output: [good('Berlin')], non_preferred_output: [good('Bonn')] },
  ]);
  expect((await examplesOf(chats, 'trl-preference')).examples).toEqual([
    { prompt, chosen: [good('Berlin')], rejected: [good('Bonn')] },
  ]);
  expect((await examplesOf(chats, 'trl-kto')).examples).toEqual([
    { prompt, completion: [good('Berlin')], label: true },
    { prompt, completion: [good('Bonn')], label: false },
  ]);
});

test('a correction that says the same as what it corrects is no pair, and the build says so', async () => {
  await using chats = await openRatedChats();
  const same = await chats.chat({ messages: [ask('Two?')], answer: '2 ' });
  await chats.rate(same, correction('2'));
  const { examples, stages } = await examplesOf(chats, 'openai-dpo');
  expect(examples).toEqual([]);
  const counts = { stage: 'pairs', in: 1, out: 0, dropped: { both_say_the_same: 1 } };
  expect(stages).toContainEqual(expect.objectContaining(counts));
  expect((await examplesOf(chats, 'trl-kto')).examples).toMatchObject([{ label: true }]);
});

test('what was erased since the version was built is still in it, as every other row is', async () => {
  await using chats = await openRatedChats();
  const gone = await chats.chat({ messages: [ask('One?')], answer: 'x' });
  await chats.rate(gone, correction('1'));
  const erase = () => chats.store.chats.erase({ completionId: gone });
  expect((await examplesOf(chats, 'openai-dpo', erase)).examples).toHaveLength(1);
});

/** Two approved answers to the same; the first is over the second, and more events may follow. */
async function twoAnswers(
  chats: RatedChats,
  { events = [], approve = true, second = 'Why?' }: { events?: Event[]; approve?: boolean; second?: string } = {},
): Promise<void> {
  const a = await chats.chat({ messages: [ask('Why?')], answer: 'Because.' });
  const b = await chats.chat({ messages: [ask(second)], answer: 'No idea.' });
  await chats.rate(a, { rating: 1 });
  if (approve) await chats.rate(b, { rating: 1 });
  const ref = (completionId: string) => ({ completionId, choice: 0 });
  for (const { by, says } of [{ by: 'anna', says: 'a>b' }, ...events]) {
    if (says === 'tie') await chats.rate(b, { rater: by, tiedWith: [ref(a)] });
    else await chats.rate(says === 'a>b' ? a : b, { rater: by, over: [ref(says === 'a>b' ? b : a)] });
  }
}

interface Event {
  by: string;
  says: 'a>b' | 'b>a' | 'tie';
}

const because = { prompt: [ask('Why?')], chosen: [good('Because.')], rejected: [good('No idea.')] };

test.each<[string, Parameters<typeof twoAnswers>[1], JsonObject[], string[]]>([
  ['one that was preferred over another', {}, [because], []],
  ['two raters who agree', { events: [{ by: 'ben', says: 'a>b' }] }, [because], []],
  [
    'a rater who thought again',
    { events: [{ by: 'anna', says: 'b>a' }] },
    [{ ...because, chosen: because.rejected, rejected: because.chosen }],
    [],
  ],
  ['a rater who came to call it a tie', { events: [{ by: 'anna', says: 'tie' }] }, [], []],
  ['raters who disagree', { events: [{ by: 'ben', says: 'tie' }] }, [], ['raters_disagree']],
  ['an answer that nobody rated', { approve: false }, [because], []],
  [
    'raters of whom one says the opposite',
    { events: [{ by: 'ben', says: 'b>a' }] },
    [],
    ['raters_disagree', 'raters_disagree'],
  ],
  ['an answer to something else', { second: 'How?' }, [], ['asked_something_else']],
])('preferences: %s', async (_, setting, pairs, reasons) => {
  await using chats = await openRatedChats();
  await twoAnswers(chats, setting);
  const built = await examplesOf(chats, 'trl-preference');
  expect(built.examples).toEqual(pairs);
  expect(built.left.map(({ reason }) => reason)).toEqual(reasons);
});

test('a preference that was taken back is none', async () => {
  await using chats = await openRatedChats();
  await twoAnswers(chats);
  const { items } = await chats.store.feedback.list({ limit: 10 });
  const event = items.find(({ over }) => over !== undefined);
  await chats.rate(event?.completionId ?? '', { undoes: event?.id ?? '' });
  expect((await examplesOf(chats, 'trl-preference')).examples).toEqual([]);
});

test('an answer that was rated −1, and that nobody likes, is a bad one', async () => {
  await using chats = await openRatedChats();
  const { store } = chats;
  const asked = { owner: 'anna', provider: 'ollama', model: 'tiny', envelope: { n: 3 }, messages: [ask('Name?')] };
  const { id } = await store.chats.begin({ ...asked, stream: false });
  const said = { finishReason: 'stop', extra: {} };
  const choices = ['Ada', 'Bob', 'Cy'].map((name, index) => ({
    index,
    message: { role: 'assistant', content: name },
    ...said,
  }));
  const figures = { promptTokens: null, completionTokens: null, firstTokenAt: null, response: null, error: null };
  await store.chats.finish(id, { state: 'complete', choices, ...figures });
  await chats.rate(id, { rating: 1 });
  await chats.rate(id, { choice: 1, rating: -1 });
  await chats.rate(id, { choice: 2, rating: -1 });
  await chats.rate(id, { choice: 2, rating: 1, rater: 'ben' });
  const prompt = [ask('Name?')];
  // Ben likes the third, so that it is learned; anna's older rating does not count against it.
  expect((await examplesOf(chats, 'trl-kto')).examples).toEqual([
    { prompt, completion: [good('Ada')], label: true },
    { prompt, completion: [good('Bob')], label: false },
    { prompt, completion: [good('Cy')], label: true },
  ]);
});
