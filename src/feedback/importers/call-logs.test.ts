import { expect, test } from 'vitest';
import { exchangesIn, leftOutOf, readAll, readImportFile, saidIn } from '../../../test/fixtures/imports/reading.ts';
import { langfuse } from './langfuse.ts';
import { litellm } from './litellm.ts';
import type { ImportedFeedback } from './types.ts';

/** Without what makes another event of a score that was changed since. */
function withPlainId({ id = '', ...said }: ImportedFeedback): ImportedFeedback {
  return { id: id.replace(/ [0-9a-f]{16}$/, ''), ...said };
}

test('LiteLLM: rows with text are chats of the provider that answered, and rows without are counted', async () => {
  const items = await readImportFile(litellm, 'litellm/spend.json');
  expect(exchangesIn(items).map(saidIn)).toEqual([
    ['user: Shortest day of the year?', 'assistant: 21 December, in the north.'],
    ['user: Which copy?', "assistant: Kept by the proxy's copy."],
  ]);
  expect(exchangesIn(items).map(({ chat }) => chat)).toMatchObject([
    {
      provider: 'openai',
      model: 'gpt-4o-mini-2024-07-18',
      scope: 'desk-4',
      promptTokens: 20,
      completionTokens: 10,
      createdAt: Date.parse('2025-03-01T10:00:00.120Z'),
      origin: { format: 'litellm', request_id: 'chatcmpl-a1' },
    },
    { provider: 'ollama', model: 'qwen2.5:0.5b', scope: null, promptTokens: 5, envelope: { temperature: 0 } },
  ]);
  expect(exchangesIn(items).every(({ feedback }) => feedback.length === 0)).toBe(true);
  expect(JSON.stringify(items)).not.toMatch(/hashed|88dc28d0/);
  expect(leftOutOf(items)).toMatchObject([{ at: 'item 3', reason: 'no messages' }]);
});

test('Langfuse: scores before and behind what they are of, of one call and of a whole trace', async () => {
  const items = await readImportFile(langfuse, 'langfuse/export.jsonl');
  expect(exchangesIn(items).map((exchange) => [...saidIn(exchange), exchange.feedback.map(withPlainId)])).toEqual([
    [
      'system: Short answers.',
      'user: Highest peak of the Alps?',
      'assistant: Mont Blanc.',
      [
        { id: 's1', rating: 1, comment: 'just right' },
        { id: 's4', criteria: { quality: 1 } },
      ],
    ],
    [
      'user: And of the Andes?',
      'assistant: Aconcagua, I think.',
      [{ id: 's2', rater: 'ada', correction: { role: 'assistant', content: 'Aconcagua.' } }],
    ],
    [
      'user: Name a lake.',
      'assistant: Lake Constance',
      [
        { id: 's5', tags: ['tone: dry'] },
        { id: 's3', criteria: { quality: 0.75 } },
      ],
    ],
  ]);
  expect(exchangesIn(items).map(({ chat }) => chat)).toMatchObject([
    {
      model: 'gpt-4o',
      scope: 'u-7',
      envelope: { temperature: 0.3, tools: [{ type: 'function' }] },
      promptTokens: 21,
      completionTokens: 4,
      createdAt: Date.parse('2025-01-02T10:00:01.500Z'),
      origin: { format: 'langfuse', observation_id: 'o1', trace_id: 't1' },
    },
    { model: 'claude-3-5-haiku', envelope: { max_tokens: 64 }, createdAt: Date.parse('2025-01-02T10:05:00.250Z') },
    { model: 'gpt-4o' },
  ]);
  expect(leftOutOf(items)).toEqual([{ kind: 'left-out', at: 'line 2', reason: 'no call of a model' }]);
});

test('Langfuse: a score that was changed since is another event', async () => {
  const idWith = async (value: number) => {
    const rows = [
      { id: 'o', traceId: 't', type: 'GENERATION', input: 'q', output: 'a' },
      { id: 's', traceId: 't', observationId: 'o', name: 'quality', value, dataType: 'NUMERIC' },
    ];
    return exchangesIn(await readAll(langfuse, JSON.stringify(rows)))[0]?.feedback[0]?.id;
  };
  expect(await idWith(1)).toBe(await idWith(1));
  expect(await idWith(1)).not.toBe(await idWith(0));
});

test('Langfuse: a page of the API is read as well', async () => {
  const row = {
    id: 'o',
    traceId: 't',
    type: 'GENERATION',
    input: 'q',
    output: { choices: [{ message: { content: 'a' } }] },
  };
  const items = await readAll(langfuse, JSON.stringify({ data: [row], meta: { page: 1 } }));
  expect(exchangesIn(items).map(saidIn)).toEqual([['user: q', 'assistant: a']]);
});

test.each([
  [
    litellm,
    'litellm/malformed.json',
    [
      ['item 2', 'no messages'],
      ['item 3', 'no chat'],
      ['item 4', 'no answer'],
      ['item 5', 'no answer'],
      ['item 6', 'redacted'],
      ['item 7', 'not of this format'],
      ['item 8', 'no JSON object'],
    ],
  ],
  [
    langfuse,
    'langfuse/malformed.jsonl',
    [
      ['line 7', 'score on no known scale'],
      ['line 2', 'no answer'],
      ['line 3', 'no messages'],
      ['line 4', 'not of this format'],
      ['line 5', 'no call of a model'],
      ['line 8', 'score without a value'],
      ['line 9', 'no observation'],
      ['line 6', 'score without its answer'],
    ],
  ],
])('$format: what is no chat is left out with its reason and place', async (importer, file, reasons) => {
  const items = await readImportFile(importer, file);
  expect(exchangesIn(items).map(({ chat }) => chat.choices[0]?.message.content)).toEqual(['kept']);
  expect(leftOutOf(items).map(({ at, reason }) => [at, reason])).toEqual(reasons);
});
