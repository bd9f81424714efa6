import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type DatasetRow, datasetFiles, splits } from '../core/dataset.ts';
import { type RecipeInput, recipeSchema } from '../core/recipe.ts';
import { type BuiltDataset, buildDataset } from './build.ts';
import { collect } from './collect.ts';
import { exportSft, readRows } from './export.ts';
import { type RatedChats, ask, openRatedChats } from './fixtures/rated-chats.ts';

async function build(
  chats: RatedChats,
  change: RecipeInput['build'] = {},
  datasets = 'datasets',
): Promise<BuiltDataset> {
  const recipe = recipeSchema.parse({
    name: 'support',
    base: 'b',
    build: { min_examples: 1, val: 0, test: 0, ...change },
  });
  const { collection } = await collect({ store: chats.store, trainAllowed: () => true }, recipe);
  const deps = {
    store: chats.store,
    datasetsDir: join(chats.folder, datasets),
    evalsDir: join(chats.folder, 'evals'),
    buildCacheDir: join(chats.folder, 'cache'),
  };
  return buildDataset(deps, { recipe, recipeDigest: 'a'.repeat(64), collection, cycleId: null });
}

async function rowsOf(built: BuiltDataset): Promise<DatasetRow[]> {
  const rows: DatasetRow[] = [];
  for (const split of splits) for await (const row of readRows(join(built.folder, `${split}.jsonl`))) rows.push(row);
  return rows;
}

async function approve(chats: RatedChats, question: string, answer: string): Promise<string> {
  const id = await chats.chat({ messages: [ask(question)], answer });
  await chats.rate(id, { rating: 1 });
  return id;
}

describe('rows', () => {
  test('hold the conversation, learn only the answer, and take the correction in place of it', async () => {
    await using chats = await openRatedChats();
    const messages = [
      { role: 'developer', content: 'Be short.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Where ' },
          { type: 'text', text: 'is it?' },
        ],
      },
      { role: 'assistant', content: 'Berlin', reasoning_content: 'hm', refusal: null },
      { role: 'user', content: 'Sure?' },
    ];
    const tools = [{ type: 'function', function: { name: 'look' } }];
    const id = await chats.chat({ messages, answer: 'Yes', envelope: { tools, temperature: 0 } });
    await chats.rate(id, { rating: -1, correction: { role: 'assistant', content: 'No, Helsinki.' } });
    const built = await build(chats);
    expect(await rowsOf(built)).toEqual([
      {
        id: `${id}.0`,
        messages: [
          { role: 'system', content: 'Be short.' },
          { role: 'user', content: 'Where is it?' },
          { role: 'assistant', content: 'Berlin' },
          { role: 'user', content: 'Sure?' },
          { role: 'assistant', content: 'No, Helsinki.' },
        ],
        tools,
        learn: [4],
        meta: { completion: id, choice: 0, signal: 'corrected', author: 'person', node: expect.any(String) as string },
      },
    ]);
    const lines: string[] = [];
    for await (const line of exportSft(join(built.folder, 'train.jsonl'))) lines.push(line);
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { messages: [{}, {}, { role: 'assistant', weight: 0 }, {}, { content: 'No, Helsinki.' }], tools },
    ]);
  });

  test('of a Response have its tools as a chat has them', async () => {
    await using chats = await openRatedChats();
    const fields = { name: 'look', parameters: { type: 'object' } };
    const tools = [{ type: 'function', ...fields }];
    const id = await chats.chat({ messages: [ask('Where?')], answer: 'Here.', envelope: { tools }, kind: 'responses' });
    await chats.rate(id, { rating: 1 });
    expect(await rowsOf(await build(chats))).toMatchObject([{ tools: [{ type: 'function', function: fields }] }]);
  });

  test('of chats that were erased since they were collected are left out', async () => {
    await using chats = await openRatedChats();
    await approve(chats, 'kept', 'fine');
    const approved = await approve(chats, 'a secret', 'hidden');
    const corrected = await chats.chat({ messages: [ask('another secret')], answer: 'wrong' });
    await chats.rate(corrected, { correction: { role: 'assistant', content: 'hidden too' } });
    const recipe = recipeSchema.parse({ name: 'support', base: 'b', build: { min_examples: 1, val: 0, test: 0 } });
    const { collection } = await collect({ store: chats.store, trainAllowed: () => true }, recipe);
    for (const completionId of [approved, corrected]) await chats.store.chats.erase({ completionId });
    const deps = {
      store: chats.store,
      datasetsDir: join(chats.folder, 'datasets'),
      evalsDir: join(chats.folder, 'evals'),
      buildCacheDir: join(chats.folder, 'cache'),
    };
    const built = await buildDataset(deps, { recipe, recipeDigest: 'a'.repeat(64), collection, cycleId: null });
    expect(built.manifest.stages[0]).toMatchObject({ in: 3, out: 1, dropped: { erased_since_collected: 2 } });
    expect(JSON.stringify(await rowsOf(built))).not.toMatch(/secret|hidden/);
  });

  test('that cannot be learned are dropped with a reason', async () => {
    await using chats = await openRatedChats();
    await approve(chats, 'good', 'fine');
    const image = { role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] };
    for (const [messages, answer] of [
      [[image], 'a cat'],
      [[ask('empty')], ' \n'],
      [[{ role: 'system', content: 'nobody asks' }], 'hello'],
    ] as const) {
      await chats.rate(await chats.chat({ messages: [...messages], answer }), { rating: 1 });
    }
    const { manifest } = await build(chats);
    expect(manifest.stages[0]).toMatchObject({ stage: 'rows', in: 4, out: 3, dropped: { not_text: 1 } });
    const invalid = { stage: 'validate', in: 3, out: 1, dropped: { empty_answer: 1, no_user_message: 1 } };
    expect(manifest.stages).toContainEqual(expect.objectContaining(invalid));
  });
});

describe('duplicates', () => {
  test('of one prompt and answer the correction stays, else the newest; a correction overrules approvals', async () => {
    await using chats = await openRatedChats();
    await approve(chats, 'same', 'answer');
    const newest = await approve(chats, ' same ', 'answer\n');
    const overruled = await approve(chats, 'capital?', 'Bonn');
    const wrong = await chats.chat({ messages: [ask('capital?')], answer: 'Bonn' });
    await chats.rate(wrong, { correction: { role: 'assistant', content: 'Berlin' } });
    const varied = [await approve(chats, 'joke', 'one'), await approve(chats, 'joke', 'two')];

    const built = await build(chats);
    const ids = (await rowsOf(built)).map(({ meta }) => meta.completion ?? '');
    expect(ids.sort()).toEqual([newest, wrong, ...varied].sort());
    expect(ids).not.toContain(overruled);
    expect(built.manifest.signals).toEqual({ corrected: 1, approved: 3, rejected: 0, preferred: 0 });
    const dropped = Object.assign({}, ...built.manifest.stages.map((stage) => stage.dropped)) as unknown;
    expect(dropped).toEqual({ duplicate: 1, overruled_by_correction: 1 });
  });

  test('max_examples keeps corrections first, then the newest', async () => {
    await using chats = await openRatedChats();
    const corrected = await chats.chat({ messages: [ask('zero')], answer: 'x' });
    await chats.rate(corrected, { correction: { role: 'assistant', content: 'y' } });
    await approve(chats, 'one', '1');
    const last = await approve(chats, 'two', '2');
    const rows = await rowsOf(await build(chats, { max_examples: 2 }));
    expect(rows.map(({ meta }) => meta.completion ?? '').sort()).toEqual([corrected, last].sort());
  });
});

describe('answers that contradict each other', () => {
  test('are noted to be asked for, each with what it contradicts', async () => {
    await using chats = await openRatedChats();
    await approve(chats, 'something else', 'kept');
    const good = await approve(chats, 'Is it open?', 'Yes, it is.');
    const bad = await chats.chat({ messages: [ask('Is it open?')], answer: 'Yes it is' });
    await chats.rate(bad, { rating: -1 });
    const asked = async () =>
      (await chats.store.review.contradicted({}, { after: null, limit: 9 }))
        .map((found) => `${found.completionId} ${found.other.completionId}`)
        .sort();
    const { warnings, manifest } = await build(chats);
    expect(manifest.stages).toContainEqual(expect.objectContaining({ dropped: { contradiction: 2 } }));
    expect(await asked()).toEqual([`${good} ${bad}`, `${bad} ${good}`].sort());
    expect(warnings).toEqual([expect.stringMatching(/^2 answers contradict/)]);
    await chats.rate(good, { rating: -1 });
    await build(chats);
    expect(await asked()).toEqual([]);
  });
});

describe('a dataset version', () => {
  test('keeps every conversation in one split, is registered with its rows, and builds to the same bytes', async () => {
    await using chats = await openRatedChats();
    for (let index = 0; index < 60; index++) {
      const question = ask(`question ${index}`);
      const id = await approve(chats, `question ${index}`, `answer ${index}`);
      const more = [question, { role: 'assistant', content: `answer ${index}` }, ask('And then?')];
      await chats.rate(await chats.chat({ messages: more, answer: `more ${index}` }), { rating: 1 });
      expect(id).toBeTruthy();
    }
    const built = await build(chats, { val: 0.2, test: 0.2 });
    const seen = new Map<string, Set<string>>();
    for (const split of splits) {
      for await (const { meta } of readRows(join(built.folder, `${split}.jsonl`))) {
        seen.set(String(meta.node), (seen.get(String(meta.node)) ?? new Set()).add(split));
      }
    }
    expect(seen.size).toBe(60);
    expect([...seen.values()].every((where) => where.size === 1)).toBe(true);
    const figures = built.manifest.splits;
    expect(figures.train.rows + figures.val.rows + figures.test.rows).toBe(120);
    // Some of sixty, whose names are drawn; each has two rows.
    expect(Math.min(figures.val.rows, figures.test.rows)).toBeGreaterThanOrEqual(2);

    const [row] = await rowsOf(built);
    expect(await chats.store.datasets.versionsWith(row?.meta.completion ?? '')).toEqual([
      { digest: built.manifest.digest, split: 'train', rowId: row?.id },
    ]);
    expect((await chats.store.datasets.get(built.manifest.digest))?.manifest).toEqual(built.manifest);

    const again = await build(chats, { val: 0.2, test: 0.2 }, 'elsewhere');
    for (const file of [...datasetFiles, 'manifest.json', 'README.md']) {
      expect(await readFile(join(again.folder, file), 'utf8')).toBe(await readFile(join(built.folder, file), 'utf8'));
    }
    expect(await build(chats, { val: 0.2, test: 0.2 })).toEqual(built);
    expect(await readdir(join(chats.folder, 'datasets', 'support'))).toEqual([built.manifest.digest]);
    expect(await readFile(join(built.folder, 'README.md'), 'utf8')).toContain('load_dataset("json"');
  });

  test('is never overwritten when its files were changed', async () => {
    await using chats = await openRatedChats();
    await approve(chats, 'one', '1');
    const { folder } = await build(chats);
    await writeFile(join(folder, 'train.jsonl'), 'tampered\n');
    await expect(build(chats)).rejects.toMatchObject({ code: 'Conflict' });
    expect(await readFile(join(folder, 'train.jsonl'), 'utf8')).toBe('tampered\n');
  });

  test('with fewer rows than the recipe needs is not built', async () => {
    await using chats = await openRatedChats();
    await approve(chats, 'same', '1');
    await approve(chats, 'same', '1');
    await expect(build(chats, { min_examples: 2 })).rejects.toMatchObject({
      code: 'NotEnoughData',
      message:
        'You have 1 usable example and the recipe needs 2: rate or correct 1 more answer. ' +
        'Left out by the build: 1 duplicate.',
    });
  });
});

test('what is personal has one placeholder in a conversation, and stands in no file of the version', async () => {
  await using chats = await openRatedChats();
  const secret = ['AKIA', 'Z7QK3VJX2MWPLN5T'].join('');
  const id = await chats.chat({
    messages: [ask(`I am anna.virtanen@example.org, my key is ${secret}.`)],
    answer: 'Hello Anna.Virtanen@example.org!',
  });
  await chats.rate(id, { correction: { role: 'assistant', content: 'I wrote to anna.virtanen@example.org.' } });
  const built = await build(chats);
  expect(await rowsOf(built)).toMatchObject([
    { messages: [{ content: 'I am [EMAIL_1], my key is [SECRET_1].' }, { content: 'I wrote to [EMAIL_1].' }] },
  ]);
  for (const file of await readdir(built.folder)) {
    expect(await readFile(join(built.folder, file), 'utf8')).not.toMatch(new RegExp(`virtanen|${secret}`, 'iu'));
  }
  const changed = { stage: 'redact', changed: { email: 3, secret: 1 } };
  expect(built.manifest.stages).toContainEqual(expect.objectContaining(changed));
  const plain = await build(chats, { redact: [] }, 'plain');
  expect(JSON.stringify(await rowsOf(plain))).toContain('virtanen');
});
