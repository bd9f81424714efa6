import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  altered,
  exchangesIn,
  expectNothingStops,
  expectSendable,
  importFile,
  leftOutOf,
  readAll,
  readImportFile,
  saidIn,
  sourceOf,
  torn,
} from '../../../test/fixtures/imports/reading.ts';
import { zipOf } from '../../../test/fixtures/imports/zip.ts';
import type { Json } from '../../core/canonical.ts';
import { RatchetError } from '../../core/errors.ts';
import { chatgpt } from './chatgpt.ts';
import { headOf } from './source.ts';
import type { ImportItem } from './types.ts';

const names = ['conversations.json', 'message_feedback.json', 'model_comparisons.json'] as const;
const [conversations = '', feedback = '', comparisons = ''] = await Promise.all(
  names.map((name) => readFile(importFile(`chatgpt/${name}`), 'utf8')),
);
const exported = zipOf({
  'chat.html': '<html>',
  'conversations.json': conversations,
  'message_feedback.json': feedback,
  'model_comparisons.json': comparisons,
  'user.json': '{}',
});

const hot = 'user: How hot for green tea?';

describe('the zip file', () => {
  test('is read answer by answer, each with its branch', async () => {
    const items = await readAll(chatgpt, exported, 'export.zip');
    expectSendable(items);
    expect(exchangesIn(items).map(saidIn)).toEqual([
      [hot, 'assistant: Boiling.'],
      [hot, 'assistant: Eighty degrees.'],
      [hot, 'assistant: Eighty degrees.', 'user: And how long?', 'assistant: Two or three minutes.'],
      [hot, 'assistant: Eighty degrees.', 'user: And how long?', 'assistant: Two minutes.'],
      ['user: What is 12 times 34?', 'assistant: Let me see.\n\nIt is 408.'],
    ]);
    expect(leftOutOf(items)).toEqual([
      { kind: 'left-out', at: 'conversations.json#2', reason: 'not text' },
      { kind: 'left-out', at: 'conversations.json#3', reason: 'no answer' },
    ]);
  });

  test('has the thumbs and the comparisons; what was only made anew is not preferred', async () => {
    const [bad, good, better, worse] = exchangesIn(await readAll(chatgpt, exported, 'export.zip'));
    expect(bad?.feedback).toEqual([
      {
        rating: -1,
        tags: ['false', 'not-helpful'],
        comment: 'That is black tea.',
        rater: 'user-made-up',
        id: expect.stringMatching(/^t4 [0-9a-f]{16}$/),
      },
    ]);
    expect(good?.feedback).toMatchObject([{ rating: 1, rater: 'user-made-up' }]);
    expect([bad, good, better, worse].map((one) => one?.siblings)).toEqual([
      undefined,
      undefined,
      { set: 't9', best: true },
      { set: 't9', best: false },
    ]);
  });

  test('says which thumbs belong to nothing', async () => {
    const list = (JSON.parse(conversations) as Json[]).slice(1);
    const zip = zipOf({ 'conversations.json': JSON.stringify(list), 'message_feedback.json': feedback });
    const left = leftOutOf(await readAll(chatgpt, zip, 'export.zip')).filter(
      ({ at }) => at === 'message_feedback.json',
    );
    expect(left.map(({ reason, detail }) => `${reason}: ${detail}`)).toEqual([
      'no messages: message t5 is no answer in this export',
      'no messages: message t4 is no answer in this export',
    ]);
  });

  test('keeps models, times, thoughts and ids', async () => {
    const [first, , better, , sum] = exchangesIn(await readAll(chatgpt, exported, 'export.zip'));
    expect(first?.chat).toMatchObject({
      model: 'gpt-4o',
      scope: 'conv-tea',
      createdAt: 1_755_000_002_125,
      origin: { format: 'chatgpt', conversation_id: 'conv-tea', message_id: 't4' },
    });
    expect(better?.chat.model).toBe('o4-mini');
    expect(sum?.chat.choices[0]?.message.reasoning_content).toBe('Use the tool.');
  });

  test('may have its conversations in several files, and folders', async () => {
    const list = JSON.parse(conversations) as Json[];
    const parts = zipOf({
      'export/conversations-001.json': JSON.stringify(list.slice(1)),
      'export/conversations-000.json': JSON.stringify(list.slice(0, 1)),
      'export/conversations-shared.json': conversations,
    });
    const whole = await readAll(chatgpt, zipOf({ 'conversations.json': conversations }), 'export.zip');
    const chatsOf = (items: ImportItem[]) => exchangesIn(items).map(({ chat }) => chat);
    expect(chatsOf(await readAll(chatgpt, parts, 'export.zip'))).toEqual(chatsOf(whole));
  });

  test.each<[string, Buffer, RegExp]>([
    ['has no conversations', zipOf({ 'user.json': '{}' }), /export\.zip has no conversations\.json/],
    ['is cut off', exported.subarray(0, -30), /export\.zip cannot be unpacked \(.+\): download the export again\./],
    ['is only the beginning of one', Buffer.from('PK\u0003\u0004'), /export\.zip cannot be unpacked/],
  ])('that %s is refused in a sentence', async (_, bytes, message) => {
    await expect(readAll(chatgpt, bytes, 'export.zip')).rejects.toThrow(message);
  });
});

test('conversations.json alone has the chats without what was said of them', async () => {
  const items = await readImportFile(chatgpt, 'chatgpt/conversations.json');
  expect(exchangesIn(items)).toHaveLength(5);
  expect(exchangesIn(items).filter((one) => one.feedback.length > 0 || one.siblings)).toEqual([]);
});

test('what cannot be read is left out, and the rest is read', async () => {
  const items = await readImportFile(chatgpt, 'chatgpt/malformed.txt');
  expect(exchangesIn(items)).toHaveLength(4);
  expect(leftOutOf(items).map(({ at, reason }) => `${at}: ${reason}`)).toEqual([
    'item 2: not JSON',
    'item 3: no messages',
    'item 4: not JSON',
  ]);
});

test.each<[string, string | Uint8Array, string, boolean]>([
  ['the zip file', exported, 'export.zip', true],
  ['conversations.json', conversations, 'conversations.json', true],
  ['a Word file', exported, 'letter.docx', false],
  ['thumbs alone', feedback, 'message_feedback.json', false],
])('%s: %#', async (_, content, name, known) => {
  expect(chatgpt.recognises(await headOf(sourceOf(content, name)))).toBe(known);
});

describe('whatever a file holds', () => {
  test('nothing stops at conversations', () => expectNothingStops(chatgpt, Buffer.from(conversations)));

  test.each([
    ['message_feedback.json', feedback],
    ['model_comparisons.json', comparisons],
  ])('nothing stops at %s', async (name, text) => {
    await fc.assert(
      fc.asyncProperty(altered(JSON.parse(text) as Json), async (value) => {
        const zip = zipOf({ 'conversations.json': conversations, [name]: JSON.stringify(value) });
        const items = await readAll(chatgpt, zip, 'export.zip');
        expectSendable(items);
        expect(exchangesIn(items)).toHaveLength(5);
      }),
      { numRuns: 100 },
    );
  });

  test('a zip file that is torn is read, or refused in a sentence', async () => {
    await fc.assert(
      fc.asyncProperty(torn(exported), async (bytes) => {
        const items = await readAll(chatgpt, bytes, 'export.zip').catch((error: unknown) => {
          expect(error).toBeInstanceOf(RatchetError);
          return [];
        });
        expectSendable(items);
      }),
      { numRuns: 150 },
    );
  });
});
