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
import { openWebui } from './open-webui.ts';
import { headOf } from './source.ts';

describe('feedback', () => {
  test('is read with the branch that was rated, as it was given', async () => {
    const items = await readImportFile(openWebui, 'open-webui/feedback.json');
    expectSendable(items);
    expect(exchangesIn(items).map(saidIn)).toEqual([
      ['system: You are a gardener.', 'user: When do I sow leeks?', 'assistant: From March, under glass.'],
      ['user: Is rhubarb a fruit?', 'assistant: It is a vegetable.'],
      ['user: Is rhubarb a fruit?', 'assistant: Yes, a fruit.'],
      [...leeksUntilLast, 'assistant: In June, a hand apart.'],
      [...leeksUntilLast, 'assistant: Whenever you like.'],
      ['user: What goes on the compost?', 'assistant: Everything.'],
    ]);
    expect(exchangesIn(items).map(({ feedback }) => feedback)).toMatchObject([
      [{ rating: 1, tags: ['gardening'], rater: 'user-ada' }],
      [{ rating: 1, score: 1, tags: ['accurate_information', 'food'], comment: 'Just so.', rater: 'user-ben' }],
      [],
      [],
      [{ rating: -1, score: 0, rater: 'user-ada' }],
      [
        {
          rating: -1,
          score: 1 / 9,
          tags: ['compost'],
          comment: 'too short',
          rater: 'user-ada',
          correction: { role: 'assistant', content: 'Peelings, leaves, and no meat.' },
        },
      ],
    ]);
  });

  test('names the real models of the arena, and who was preferred', async () => {
    const [, best, over, better, worse, edited] = exchangesIn(
      await readImportFile(openWebui, 'open-webui/feedback.json'),
    );
    expect([best, over].map((one) => [one?.chat.model, one?.siblings])).toEqual([
      ['qwen2.5:7b', { set: 'chat-arena r2', best: true }],
      ['llama3.1:8b', { set: 'chat-arena r2', best: false }],
    ]);
    expect([better?.siblings, worse?.siblings, edited?.siblings]).toEqual([
      { set: 'chat-leeks m4', best: true },
      { set: 'chat-leeks m4', best: false },
      undefined,
    ]);
  });

  test('keeps the ids, times and counts of the product', async () => {
    const [first] = exchangesIn(await readImportFile(openWebui, 'open-webui/feedback.json'));
    expect(first?.chat).toMatchObject({
      model: 'gemma3:4b',
      scope: 'chat-leeks',
      createdAt: 1_755_000_005_000,
      promptTokens: 14,
      completionTokens: 7,
      origin: { format: 'open-webui', chat_id: 'chat-leeks', message_id: 'm2' },
    });
    expect(first?.feedback[0]?.id).toMatch(/^feedback-thumb [0-9a-f]{16}$/);
  });

  test('is left out where its chat or its message is not there', async () => {
    expect(leftOutOf(await readImportFile(openWebui, 'open-webui/feedback.json'))).toEqual([
      {
        kind: 'left-out',
        at: 'item 5',
        reason: 'no messages',
        detail: 'The record has no snapshot of its chat: take the export, not the list.',
      },
      { kind: 'left-out', at: 'item 6', reason: 'not of this format', detail: 'The chat has no message "gone".' },
    ]);
  });
});

describe('chats', () => {
  test('are read answer by answer, with the ratings that they hold', async () => {
    const items = await readImportFile(openWebui, 'open-webui/chats.json');
    expectSendable(items);
    expect(exchangesIn(items).map((one) => [saidIn(one).at(-1), one.chat.messages.length, one.siblings?.best])).toEqual(
      [
        ['assistant: From March, under glass.', 2, undefined],
        ['assistant: In June, a hand apart.', 4, true],
        ['assistant: Whenever you like.', 4, false],
        ['assistant: It is a vegetable.', 1, true],
        ['assistant: Yes, a fruit.', 1, false],
        ['assistant: Everything.', 1, undefined],
        ['assistant: Yes, at night.', 1, undefined],
        ['assistant: About six hours.', 3, undefined],
        ['assistant: Hi.', 1, undefined],
      ],
    );
    expect(leftOutOf(items).map(({ reason }) => reason)).toEqual(['not text', 'no answer']);
  });

  test('a rating that is in the feedback too is the same there', async () => {
    const inChat = exchangesIn(await readImportFile(openWebui, 'open-webui/chats.json'));
    const inFeedback = exchangesIn(await readImportFile(openWebui, 'open-webui/feedback.json'));
    const edited = ({ chat }: (typeof inChat)[number]): boolean => chat.origin.chat_id === 'chat-edited';
    expect(inChat.find(edited)).toEqual({ ...inFeedback.find(edited), at: 'item 3' });
  });

  test('thoughts stand beside the answer, and are not said again', async () => {
    const [first, second] = exchangesIn(await readImportFile(openWebui, 'open-webui/chats.json')).filter(
      ({ chat }) => chat.origin.chat_id === 'chat-thoughts',
    );
    expect(first?.chat.choices[0]?.message.reasoning_content).toBe('> Bees rest.\nSo 1 < 2 hours at a time.');
    expect(second && saidIn(second)[1]).toBe('assistant: Yes, at night.');
  });

  test('may be one on each line', async () => {
    const lines = await readImportFile(openWebui, 'open-webui/chats.jsonl');
    const list = exchangesIn(await readImportFile(openWebui, 'open-webui/chats.json'));
    expect(exchangesIn(lines).map(({ chat }) => chat)).toEqual(list.slice(0, 5).map(({ chat }) => chat));
  });
});

/** A chat of one question with these answers, by their thumbs. */
function chatWith(thumbs: readonly (number | null)[]): string {
  const question = { id: 'q', parentId: null, role: 'user', content: 'Why?' };
  const answers = thumbs.map((rating, index) => [
    `a${index}`,
    { parentId: 'q', role: 'assistant', content: `Because ${index}.`, model: 'm', annotation: rating && { rating } },
  ]);
  return JSON.stringify([
    { id: 'c', chat: { history: { messages: { q: question, ...Object.fromEntries(answers) } } } },
  ]);
}

test.each<[string, (number | null)[], (boolean | undefined)[]]>([
  ['made anew without a thumb prefer none', [null, null], [undefined, undefined]],
  ['one of which is good: it is over the others', [null, 1, -1], [true, false, false]],
  ['two of which are good: neither is over the other', [1, 1], [undefined, undefined]],
  ['two of three of which are good: one of them is over the third', [1, null, 1], [true, false, undefined]],
  ['one of two of which is bad: the other is over it', [-1, null], [true, false]],
  ['one of three of which is bad: nobody said who is best', [-1, null, null], [undefined, undefined, undefined]],
  ['both of which are bad: neither is over the other', [-1, -1], [undefined, undefined]],
  ['one of which is a draw: nothing is said', [0, null], [undefined, undefined]],
])('answers %s', async (_, thumbs, bests) => {
  const items = exchangesIn(await readAll(openWebui, chatWith(thumbs)));
  expect(items.map(({ siblings }) => siblings?.best)).toEqual(bests);
});

const leeksUntilLast = [
  'system: You are a gardener.',
  'user: When do I sow leeks?',
  'assistant: From March, under glass.',
  'user: And plant them out?',
];

test('what cannot be read is left out, and the rest is read', async () => {
  const items = await readImportFile(openWebui, 'open-webui/malformed.txt');
  expect(exchangesIn(items).map((one) => saidIn(one).at(-1))).toEqual(['assistant: From March, under glass.']);
  expect(leftOutOf(items).map(({ at, reason }) => `${at}: ${reason}`)).toEqual([
    'item 2: not of this format',
    'item 3: not JSON',
    'item 4: no JSON object',
    'item 5: not JSON',
  ]);
});

test.each(['feedback.json', 'chats.json', 'chats.jsonl', 'malformed.txt'])('%s is recognised', async (name) => {
  const content = await readFile(importFile(`open-webui/${name}`));
  expect(openWebui.recognises(await headOf(sourceOf(content)))).toBe(true);
});

test('a first item that is longer than what is looked at is recognised', async () => {
  const record = { id: 'f', type: 'rating', data: { model_id: 'm', rating: 1 }, snapshot: 'x'.repeat(100_000) };
  expect(openWebui.recognises(await headOf(sourceOf(JSON.stringify([record]))))).toBe(true);
});

test.each([
  '[]',
  '{"messages":[{"role":"user","content":"Hi"}]}',
  '[{"title":"t","mapping":{}}]',
  '[{"id":1,"prompt":"p","response":"r","rating":"GOOD"}]',
])('%s is not', async (content) => {
  expect(openWebui.recognises(await headOf(sourceOf(content)))).toBe(false);
});

test.each(['feedback.json', 'chats.json', 'chats.jsonl'])('nothing stops at what %s may hold', async (name) => {
  await expectNothingStops(openWebui, await readFile(importFile(`open-webui/${name}`)));
});
