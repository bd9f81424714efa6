import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import {
  exchangesIn,
  expectNothingStops,
  expectSendable,
  importFile,
  leftOutOf,
  readAll,
  readImportFile,
  saidIn,
  sourceOf,
} from '../../../test/fixtures/imports/reading.ts';
import { anythingllm } from './anythingllm.ts';
import { headOf } from './source.ts';

describe('json', () => {
  test('is read row by row, with its thumbs', async () => {
    const items = await readImportFile(anythingllm, 'anythingllm/chats.json');
    expectSendable(items);
    expect(exchangesIn(items).map((one) => [...saidIn(one), one.feedback])).toEqual([
      ['user: Where is the key to the shed?', 'assistant: Under the pot.', [{ rating: 1, id: '1 1' }]],
      ['user: And to the gate?', 'assistant: There is none.', [{ rating: -1, id: '2 -1' }]],
      ['user: Who has the spade?', 'assistant: Ben.', []],
    ]);
    expect(leftOutOf(items)).toEqual([
      { kind: 'left-out', at: 'item 4', reason: 'not text', detail: 'It has pictures.' },
      { kind: 'left-out', at: 'item 5', reason: 'no answer' },
    ]);
  });

  test('keeps where and when it was said', async () => {
    const [first] = exchangesIn(await readImportFile(anythingllm, 'anythingllm/chats.json'));
    expect(first?.chat).toMatchObject({
      model: 'unknown',
      scope: 'Garden 1',
      createdAt: Date.parse('2025-08-12T09:00:00.000Z'),
      origin: { format: 'anythingllm', chat_id: '1', workspace: 'Garden', username: 'ada' },
    });
  });

  test('what cannot be read is left out, and the rest is read', async () => {
    const items = await readImportFile(anythingllm, 'anythingllm/malformed.txt');
    expect(exchangesIn(items).map((one) => saidIn(one).at(-1))).toEqual(['assistant: Under the pot.']);
    expect(leftOutOf(items).map(({ at, reason }) => `${at}: ${reason}`)).toEqual([
      'item 2: not JSON',
      'item 3: no answer',
      'item 4: not JSON',
    ]);
  });
});

describe('jsonl', () => {
  test('is read answer by answer, each under its workspace’s prompt', async () => {
    const items = await readImportFile(anythingllm, 'anythingllm/chats.jsonl');
    expectSendable(items);
    const book = "system: Answer from the garden's book.";
    expect(exchangesIn(items).map(saidIn)).toEqual([
      [book, 'user: Where is the key to the shed?', 'assistant: Under the pot.'],
      [book, 'user: Who has the spade?', 'assistant: Ben.'],
      ['system: Be brief.', 'user: Is it raining?', 'assistant: Yes.'],
    ]);
    expect(leftOutOf(items).map(({ at, reason }) => `${at}: ${reason}`)).toEqual([
      'line 1, message 4: not text',
      'line 1, message 6: no answer',
    ]);
  });

  test('of an older version has plain texts', async () => {
    const messages = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Is it raining?' },
      { role: 'assistant', content: 'Yes.' },
    ];
    const [only] = exchangesIn(await readAll(anythingllm, JSON.stringify({ messages })));
    expect(only && saidIn(only)).toEqual(['system: Be brief.', 'user: Is it raining?', 'assistant: Yes.']);
  });
});

test.each(['chats.json', 'chats.jsonl', 'malformed.txt'])('%s is recognised', async (name) => {
  expect(anythingllm.recognises(await headOf(sourceOf(await readFile(importFile(`anythingllm/${name}`)))))).toBe(true);
});

test.each(['open-webui/feedback.json', 'open-webui/chats.jsonl', 'librechat/list.json', 'librechat/branches.json'])(
  '%s is not',
  async (name) => {
    expect(anythingllm.recognises(await headOf(sourceOf(await readFile(importFile(name)))))).toBe(false);
  },
);

test.each(['chats.json', 'chats.jsonl'])('nothing stops at what %s may hold', async (name) => {
  await expectNothingStops(anythingllm, await readFile(importFile(`anythingllm/${name}`)));
});
