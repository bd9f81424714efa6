import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { DatasetRow } from '../../core/dataset.ts';
import { type RecipeInput, recipeSchema } from '../../core/recipe.ts';
import { buildDataset } from '../build.ts';
import { collect } from '../collect.ts';
import { readRows } from '../export.ts';
import { numbersFrom, textOf } from '../fixtures/entries.ts';
import { type RatedChats, ask, openRatedChats } from '../fixtures/rated-chats.ts';
import { redactVersion } from '../forget/redact-version.ts';
import { rowLineage } from '../lineage.ts';
import { position } from '../stages/split.ts';
import type { Anchor } from './anchors.ts';
import { type ReplayedAnswers, replayedRow, withoutForgottenReplay } from './answers.ts';

const facts = {
  base: { ref: 'ollama/base', digest: 'd1' },
  options: { temperature: 0, seed: 1, max_tokens: 64 },
} as const;

function answered(prompt: string | Anchor, text: string, cutOff = false): ReplayedAnswers['rows'][number] {
  const anchor = typeof prompt === 'string' ? { messages: [ask(prompt)], completion: null, node: null } : prompt;
  return replayedRow(facts, anchor, { text, cutOff });
}

async function build(chats: RatedChats, rows: ReplayedAnswers['rows'], change: RecipeInput['build'] = {}) {
  const recipe = recipeSchema.parse({
    name: 'support',
    base: 'b',
    build: { min_examples: 1, val: 0, test: 0, ...change, replay: { ...change.replay } },
  });
  const { collection } = await collect({ store: chats.store, trainAllowed: () => true }, recipe);
  const answers: ReplayedAnswers = { schema: 1, kind: 'replay', ...facts, rows };
  const replay = await chats.store.blobs.putJson(answers);
  const deps = placesOf(chats);
  const built = await buildDataset(deps, { recipe, recipeDigest: 'a'.repeat(64), collection, replay, cycleId: null });
  const stage = built.manifest.stages.find((one) => one.stage === 'replay');
  const split = async (name: string): Promise<DatasetRow[]> => {
    const found: DatasetRow[] = [];
    for await (const row of readRows(join(built.folder, `${name}.jsonl`))) found.push(row);
    return found;
  };
  return { ...built, replay, stage, split };
}

function placesOf({ store, folder }: RatedChats) {
  const inFolder = (name: string) => join(folder, name);
  return { store, datasetsDir: inFolder('datasets'), evalsDir: inFolder('evals'), buildCacheDir: inFolder('cache') };
}

async function approve(chats: RatedChats, question: string, answer: string): Promise<string> {
  const id = await chats.chat({ messages: [ask(question)], answer });
  await chats.rate(id, { rating: 1 });
  return id;
}

const isReplay = ({ meta }: DatasetRow): boolean => meta.signal === 'replay';

test('answers of the base are rows of the training split, of nobody, with their own stage, weight and lineage', async () => {
  await using chats = await openRatedChats();
  for (let at = 0; at < 4; at += 1) await approve(chats, `question ${at}`, `answer ${at}`);
  const rows = [
    answered('Why is the sky blue?', 'Light is scattered.'),
    answered('Hello!', 'Hi, write to a@example.org.'),
  ];
  const { manifest, folder, split, stage, replay } = await build(chats, rows, { replay: { weight: 0.5 } });
  const found = (await split('train')).filter(isReplay);
  expect(found.map(({ id }) => id)).toEqual(rows.map(({ id }) => id).sort());
  expect(found.find(({ id }) => id === rows[1]?.id)).toEqual({
    id: rows[1]?.id,
    messages: [ask('Hello!'), { role: 'assistant', content: 'Hi, write to [EMAIL_1].' }],
    learn: [1],
    weight: 0.5,
    meta: { completion: null, choice: null, signal: 'replay', author: 'ollama/base', node: null, anchor: null },
  });
  expect(stage).toEqual({ stage: 'replay', in: 2, out: 2, dropped: {}, changed: { email: 1 } });
  expect(manifest).toMatchObject({
    replay,
    signals: { approved: 4, replay: 2 },
    leaks: { nodes: 0, prompts: 0, pairs: 0 },
  });
  expect(manifest.files?.['judged.train.jsonl']?.rows).toBe(4);
  expect(await readFile(join(folder, 'README.md'), 'utf8')).toContain(`the blob \`${replay}\``);
  expect(await rowLineage(chats.store, manifest.digest, rows[0]?.id ?? '')).toMatchObject({
    split: 'train',
    signal: 'replay',
    author: 'ollama/base',
    completions: [],
    feedback: [],
  });
  const again = await build(chats, rows, { replay: { weight: 0.5 } });
  expect(again.manifest).toEqual(manifest);
  const other = await build(chats, [answered('Hello!', 'Another answer.')], { replay: { weight: 0.5 } });
  expect(other.manifest.digest).not.toBe(manifest.digest);
});

test('they count for nothing that people have to teach', async () => {
  await using chats = await openRatedChats();
  await approve(chats, 'one', '1');
  const rows = [answered('Hello!', 'Hi.'), answered('Bye!', 'Bye.')];
  await expect(build(chats, rows, { min_examples: 2, replay: { share: 0.9 } })).rejects.toMatchObject({
    code: 'NotEnoughData',
    message: expect.stringContaining('You have 1 usable example') as string,
  });
});

test('those that are poor, asked by an evaluation, taught otherwise, or over their share are left out', async () => {
  await using chats = await openRatedChats();
  for (let at = 0; at < 3; at += 1) await approve(chats, `question ${at}`, `answer ${at}`);
  const first = answered('A prompt to keep.', 'Kept.');
  const rows = [
    first,
    answered('Cut off?', 'and then it', true),
    answered('Empty?', ' '),
    answered('Again and again?', 'so it goes on and on and on '.repeat(40)),
    answered(' question  1 ', 'what the base says'),
    answered('A  prompt to keep.', 'the same prompt'),
    ...[0, 1, 2, 3].map((at) => answered(`Prompt ${at}`, `Answer number ${at}.`)),
  ];
  const { stage, split } = await build(chats, rows);
  expect(stage?.dropped).toMatchObject({
    cut_off: 1,
    empty_answer: 1,
    prompt_is_taught: 1,
    duplicate: 1,
    over_share: 2,
  });
  expect(stage).toMatchObject({ in: 10, out: 3, samples: { over_share: rows.slice(-2).map(({ id }) => id) } });
  expect((await split('train')).filter(isReplay).map(({ id }) => id)).toContain(first.id);
});

describe('the held-out splits', () => {
  test('are asked nothing of what is replayed, nor what is nearly the same, and no conversation of theirs is', async () => {
    await using chats = await openRatedChats();
    const random = numbersFrom(3);
    for (let at = 0; at < 20; at += 1) await approve(chats, `Which colour has number ${at}?`, textOf(60, random));
    const shares = { val: 0.25, test: 0.25 };
    const plain = await build(chats, [], shares);
    const held = [...(await plain.split('val')), ...(await plain.split('test'))];
    expect(held.length).toBeGreaterThan(1);
    const [one, two] = held;
    const said = (row: DatasetRow | undefined, at: number) => String(row?.messages[at]?.content);
    const anchors: Anchor[] = [];
    const outside = () => anchors.filter(({ node }) => position('ratchet', node ?? '') < 0.5).length;
    // Where a conversation belongs is drawn with its name.
    while (outside() < 2 || anchors.length - outside() < 2) {
      const id = await chats.chat({ messages: [ask(`unrated ${anchors.length}`)], answer: 'x' });
      const record = await chats.store.chats.get(id);
      anchors.push({ messages: record?.messages ?? [], completion: id, node: record?.node ?? null });
    }
    const rows = [
      answered(said(one, 0), 'what the base says'),
      answered('Tell me something.', said(two, 1)),
      answered(`Somebody asked: "${said(two, 0)}" What is meant?`, 'A colour.'),
      ...anchors.map((anchor, at) => answered(anchor, `The base on ${at}.`)),
    ];
    const { stage, manifest, split } = await build(chats, rows, { ...shares, replay: { share: 0.9 } });
    expect(stage?.dropped).toEqual({ prompt_is_held_out: 1, in_held_out: 2, conversation_is_held_out: outside() });
    expect((await split('train')).filter(isReplay)).toHaveLength(anchors.length - outside());
    for (const name of ['val', 'test']) expect((await split(name)).filter(isReplay)).toEqual([]);
    expect(manifest.leaks).toMatchObject({ nodes: 0, prompts: 0, pairs: 0 });
  });
});

test('who is forgotten takes the answers to their prompts along, from versions and from what the base answered', async () => {
  await using chats = await openRatedChats();
  for (let at = 0; at < 3; at += 1) await approve(chats, `question ${at}`, `answer ${at}`);
  const id = await chats.chat({ messages: [ask('What about quillonix?')], answer: 'x' });
  const record = await chats.store.chats.get(id);
  const anchor: Anchor = { messages: record?.messages ?? [], completion: id, node: record?.node ?? null };
  const rows = [answered(anchor, 'Quillonix is fine.'), answered('Hello!', 'Hi.')];
  const { manifest, split, replay } = await build(chats, rows);
  const row = (await split('train')).find((one) => one.id === rows[0]?.id);
  expect(row?.meta).toEqual({ ...row?.meta, completion: null, anchor: id, node: anchor.node });
  expect(JSON.stringify(await chats.store.blobs.getJson(replay))).not.toContain('What about');
  const lineage = await rowLineage(chats.store, manifest.digest, rows[0]?.id ?? '');
  expect(lineage.completions).toMatchObject([{ completionId: id, choice: null }]);

  const subject = record?.conversationId ?? '';
  const intent = { kind: 'conversation' as const, subject, now: false, actor: 'root', feedback: [] };
  await chats.store.forgotten.begin({ ...intent, completions: [id] });
  const version = await chats.store.datasets.get(manifest.digest);
  if (!version) throw new Error('no version');
  expect(await redactVersion(placesOf(chats), version)).toBe(1);
  expect((await split('train')).filter(isReplay).map((one) => one.id)).toEqual([rows[1]?.id]);
  const blob = await chats.store.blobs.getJson<ReplayedAnswers>(replay);
  const isGone = (name: string) => name === rows[0]?.id;
  const quotes = (text: string) => ({ areIn: (of: string) => text !== '' && of.includes(text) });
  expect(withoutForgottenReplay(blob, { isGone, quotes: quotes('') })).toEqual({ ...blob, rows: [blob.rows[1]] });
  expect(withoutForgottenReplay(blob, { isGone: () => false, quotes: quotes('Hi.') })?.rows).toEqual([blob.rows[0]]);
  expect(withoutForgottenReplay(blob, { isGone: () => false, quotes: quotes('') })).toBeNull();
  expect(withoutForgottenReplay({ rows: [] }, { isGone, quotes: quotes('') })).toBeNull();
});
