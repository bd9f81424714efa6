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
import { librechat } from './librechat.ts';
import { headOf } from './source.ts';

const cook = ['system: You are a cook.', 'user: A soup for four?'];

describe('a conversation', () => {
  test.each(['branches.json', 'recursive.json', 'list.json'])('of %s is read branch by branch', async (name) => {
    const items = await readImportFile(librechat, `librechat/${name}`);
    expectSendable(items);
    const wanted = [
      [...cook, 'assistant: Leek and potato.'],
      [...cook, 'assistant: Leek and potato.', 'user: How long?', 'assistant: Half an hour.'],
      [...cook, 'assistant: Tomato, from a tin.'],
    ];
    expect(new Set(exchangesIn(items).map(saidIn))).toEqual(new Set(wanted));
    expect(exchangesIn(items)).toHaveLength(wanted.length);
    expect(leftOutOf(items).map(({ reason }) => reason)).toEqual(
      ['no answer', 'not text', 'no answer'].slice(0, name === 'list.json' ? 3 : 2),
    );
    expect(exchangesIn(items).filter(({ siblings }) => siblings)).toEqual([]);
  });

  test('keeps thumbs, their reasons and what was written', async () => {
    const [up, down, none] = exchangesIn(await readImportFile(librechat, 'librechat/branches.json'));
    expect(up?.feedback).toEqual([
      { rating: 1, tags: ['clear_well_written'], comment: 'Made it.', id: expect.stringMatching(/^l2 [0-9a-f]{16}$/) },
    ]);
    expect(down?.feedback).toEqual([{ rating: -1, tags: ['inaccurate'], id: expect.stringMatching(/^l3 /) }]);
    expect(none?.feedback).toEqual([]);
  });

  test('keeps model, time, count, thoughts and where it came from', async () => {
    const [first, second] = exchangesIn(await readImportFile(librechat, 'librechat/branches.json'));
    expect(first?.chat).toMatchObject({
      model: 'gpt-4o-mini',
      scope: 'conv-soup',
      createdAt: Date.parse('2025-08-12T09:00:02Z'),
      completionTokens: 5,
      origin: { format: 'librechat', conversation_id: 'conv-soup', message_id: 'l2', endpoint: 'openAI' },
    });
    expect(second?.chat.choices[0]?.message.reasoning_content).toBe('Something quick.');
  });

  test('whose messages name none before them is one branch', async () => {
    const messages = [
      { isCreatedByUser: true, text: 'One?' },
      { isCreatedByUser: false, text: 'One.' },
      { isCreatedByUser: true, text: 'Two?' },
      { isCreatedByUser: false, text: 'Two.' },
    ];
    const items = await readAll(librechat, JSON.stringify({ conversationId: 'c', messages }));
    expect(exchangesIn(items).map((one) => saidIn(one).length)).toEqual([2, 4]);
  });

  test('that goes round in a circle is cut', async () => {
    const messages = [
      { messageId: 'a', parentMessageId: 'b', isCreatedByUser: true, text: 'One?' },
      { messageId: 'b', parentMessageId: 'a', isCreatedByUser: false, text: 'One.' },
    ];
    const items = await readAll(librechat, JSON.stringify({ conversationId: 'c', messages }));
    expect(exchangesIn(items).map(saidIn)).toEqual([['user: One?', 'assistant: One.']]);
  });
});

test('what cannot be read is left out, and the rest is read', async () => {
  const items = await readImportFile(librechat, 'librechat/malformed.txt');
  expect(exchangesIn(items)).toHaveLength(3);
  expect(leftOutOf(items).map(({ at, reason }) => `${at}: ${reason}`)).toEqual([
    'item 1: not JSON',
    'item 2: no answer',
    'item 2: not text',
    'item 3: not JSON',
  ]);
});

test('no file that is cut off is taken for a conversation', async () => {
  const whole = await readFile(importFile('librechat/branches.json'), 'utf8');
  expect(await readAll(librechat, whole.slice(0, -20))).toEqual([
    { kind: 'left-out', at: 'item 1', reason: 'not JSON' },
  ]);
});

test.each(['branches.json', 'recursive.json', 'list.json', 'malformed.txt'])('%s is recognised', async (name) => {
  expect(librechat.recognises(await headOf(sourceOf(await readFile(importFile(`librechat/${name}`)))))).toBe(true);
});

test.each(['open-webui/feedback.json', 'open-webui/chats.json'])('%s is not', async (name) => {
  expect(librechat.recognises(await headOf(sourceOf(await readFile(importFile(name)))))).toBe(false);
});

test.each(['branches.json', 'recursive.json', 'list.json'])('nothing stops at what %s may hold', async (name) => {
  await expectNothingStops(librechat, await readFile(importFile(`librechat/${name}`)));
});
