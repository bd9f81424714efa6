import { describe, expect, test } from 'vitest';
import { exchangesIn, leftOutOf, readAll, readImportFile, saidIn } from '../../../test/fixtures/imports/reading.ts';
import { alpaca } from './alpaca.ts';
import { openaiDpo } from './openai-dpo.ts';
import { openaiSft } from './openai-sft.ts';
import { sharegpt } from './sharegpt.ts';
import { trl } from './trl.ts';
import type { ImportItem, ImportedExchange, Importer } from './types.ts';

/** What was said, what is thought of it, and which answer is the better one. */
function told(exchange: ImportedExchange): string[] {
  const { feedback, siblings } = exchange;
  const thought = feedback.map(({ rating }) => `rated ${rating}`);
  return [...saidIn(exchange), ...thought, ...(siblings ? [siblings.best ? 'better' : 'worse'] : [])];
}

async function toldIn(importer: Importer, file: string): Promise<string[][]> {
  const items = await readImportFile(importer, file);
  expect(leftOutOf(items)).toEqual([]);
  return exchangesIn(items).map(told);
}

function calls(items: readonly ImportItem[]): unknown[] {
  return exchangesIn(items).flatMap(({ chat }) => chat.choices[0]?.message.tool_calls ?? []);
}

describe('OpenAI', () => {
  test('an answer of weight 0 is only what stands before the next, which is approved', async () => {
    const items = await readImportFile(openaiSft, 'openai-sft/train.jsonl');
    const [marv, weather] = exchangesIn(items);
    expect(exchangesIn(items)).toHaveLength(2);
    expect(marv && told(marv)).toEqual([
      'system: Marv is a factual chatbot that is also sarcastic.',
      "user: What's the capital of France?",
      'assistant: Paris',
      'user: Can you be more sarcastic?',
      "assistant: Paris, as if everyone doesn't know that already.",
      'rated 1',
    ]);
    expect(JSON.stringify(marv?.chat)).not.toContain('weight');
    expect(marv?.chat).toMatchObject({ model: 'unknown', createdAt: null, origin: { format: 'openai-sft' } });
    expect(marv?.chat.provider).toBeUndefined();
    expect(weather?.chat.envelope).toMatchObject({ parallel_tool_calls: false, tools: [{ type: 'function' }] });
    expect(weather?.chat.choices[0]).toMatchObject({ finishReason: 'tool_calls' });
  });

  test('of two answers the preferred is over the other', async () => {
    const question = 'user: Hello, can you tell me how cold San Francisco is today?';
    expect(await toldIn(openaiDpo, 'openai-dpo/train.jsonl')).toEqual([
      [question, 'assistant: Today in San Francisco, it is not quite as cold as expected.', 'better'],
      [question, 'assistant: It is not particularly cold in San Francisco today.', 'worse'],
    ]);
  });
});

describe('TRL', () => {
  test('preferences: messages, texts, answers that repeat the prompt, and no prompt at all', async () => {
    expect(await toldIn(trl, 'trl/preference.jsonl')).toEqual([
      ['user: What color is the sky?', 'assistant: It is blue.', 'better'],
      ['user: What color is the sky?', 'assistant: It is green.', 'worse'],
      ['user: Name a prime.', 'assistant: Seven.', 'better'],
      ['user: Name a prime.', 'assistant: Nine.', 'worse'],
      ['user: Say hello.', 'assistant: Hello!', 'better'],
      ['user: Say hello.', 'assistant: No.', 'worse'],
      ['system: Be kind.', 'user: I am late.', 'assistant: No worry.', 'better'],
      ['system: Be kind.', 'user: I am late.', 'assistant: Again?', 'worse'],
    ]);
  });

  test('each pair is a set of its own, however often it is read', async () => {
    const sets = async () =>
      exchangesIn(await readImportFile(trl, 'trl/preference.jsonl')).map(({ siblings }) => siblings?.set);
    const first = await sets();
    expect(new Set(first).size).toBe(4);
    expect(await sets()).toEqual(first);
  });

  test('the label of KTO is a rating', async () => {
    expect(await toldIn(trl, 'trl/kto.jsonl')).toEqual([
      ['user: Which planet is largest?', 'assistant: Jupiter.', 'rated 1'],
      ['user: Which planet is smallest?', 'assistant: Mars.', 'rated -1'],
      ['user: Two and two?', 'assistant: Four.', 'rated 1'],
    ]);
  });

  test('each answer among messages is approved, and nulls of tables are no fields', async () => {
    const items = await readImportFile(trl, 'trl/messages.jsonl');
    const first = ['user: Hi', 'assistant: Hello, what can I do?'];
    expect(exchangesIn(items).map(told)).toEqual([
      [...first, 'rated 1'],
      [...first, 'user: Tell the time', 'assistant: I have no clock.', 'rated 1'],
    ]);
    expect(JSON.stringify(items)).not.toMatch(/"tool_calls"|"name"/);
  });

  test('a label on a prompt that has answers rates the last answer only', async () => {
    const prompt = ['user', 'assistant', 'user'].map((role, at) => ({ role, content: String(at) }));
    const items = await readAll(trl, JSON.stringify({ prompt, completion: 'the end', label: true }));
    expect(exchangesIn(items).map(told)).toEqual([
      ['user: 0', 'assistant: 1', 'user: 2', 'assistant: the end', 'rated 1'],
    ]);
  });
});

describe('ShareGPT', () => {
  test('turns of people, models and tools, whichever way they are written', async () => {
    const painted = 'user: I need two paintings priced: 120x80 and 40x40.';
    const identity = ['system: You are a helper.', 'user: Who are you?', 'assistant: A helper.'];
    expect(await toldIn(sharegpt, 'sharegpt/conversations.json')).toEqual([
      [...identity, 'rated 1'],
      [...identity, 'user: Of whom?', 'assistant: Of whoever asks.', 'rated 1'],
      [painted, 'assistant: null', 'rated 1'],
      [
        painted,
        'assistant: null',
        'tool: {"eur": 960}',
        'tool: {"eur": 160}',
        'assistant: 960 and 160 euros.',
        'rated 1',
      ],
      ['user: Hi', 'assistant: Hello.', 'rated 1'],
      ['user: Short or long?', 'assistant: Short.', 'better'],
      ['user: Short or long?', 'assistant: It depends on very many things.', 'worse'],
      ['user: Is one prime?', 'assistant: Yes.', 'rated -1'],
    ]);
  });

  test('calls get ids, and results the ids of their calls in order', async () => {
    const items = await readImportFile(sharegpt, 'sharegpt/conversations.json');
    expect(calls(items)).toEqual([
      { id: 'call_1', type: 'function', function: { name: 'price', arguments: '{"w":120,"h":80}' } },
      { id: 'call_2', type: 'function', function: { name: 'price', arguments: '{"w":40,"h":40}' } },
    ]);
    const priced = exchangesIn(items)[3]?.chat;
    expect(priced?.messages.map(({ tool_call_id: id }) => id)).toEqual([undefined, undefined, 'call_1', 'call_2']);
    expect(priced?.envelope.tools).toMatchObject([{ type: 'function', function: { name: 'price' } }]);
  });
});

test('Alpaca: the input follows the instruction, and the history stands before it', async () => {
  expect(await toldIn(alpaca, 'alpaca/data.json')).toEqual([
    ['user: Give three tips for staying healthy.', 'assistant: Eat, sleep, move.', 'rated 1'],
    ['system: You translate.', 'user: Translate "tea".', 'assistant: Tee', 'rated 1'],
    [
      'system: You translate.',
      'user: Translate "tea".',
      'assistant: Tee',
      'user: Translate into German.\nGood morning',
      'assistant: Guten Morgen',
      'rated 1',
    ],
    ['user: Pick a name for a cat.', 'assistant: Mia', 'better'],
    ['user: Pick a name for a cat.', 'assistant: Cat', 'worse'],
    ['user: Is the earth flat?', 'assistant: Yes.', 'rated -1'],
  ]);
});

const notRead = 'not of this format';
test.each<[Importer, string, string[]]>([
  [openaiSft, 'jsonl', ['no answer', 'no answer', notRead, notRead, 'no messages', notRead]],
  [openaiDpo, 'jsonl', ['no answer', 'no messages', notRead, notRead]],
  [
    trl,
    'jsonl',
    [
      'no preference',
      'no answer',
      'no label',
      notRead,
      'no messages',
      'answers of several messages',
      'no answer',
      'no JSON object',
    ],
  ],
  [sharegpt, 'json', [notRead, notRead, 'no messages', 'no answer', 'no messages', 'no JSON object', notRead]],
  [alpaca, 'json', ['no answer', 'no messages', notRead, notRead, notRead, 'no preference', 'no JSON object']],
])('$format: what cannot be taught is left out with its reason and place', async (importer, ending, reasons) => {
  const items = await readImportFile(importer, `${importer.format}/malformed.${ending}`);
  expect(exchangesIn(items)[0]?.chat.choices[0]?.message.content).toBe('kept');
  expect(
    exchangesIn(items)
      .slice(1)
      .every(({ siblings }) => siblings?.best === false),
  ).toBe(true);
  expect(leftOutOf(items).map(({ reason }) => reason)).toEqual(reasons);
  const place = ending === 'json' ? 'item' : 'line';
  expect(leftOutOf(items).map(({ at }) => at)).toEqual(reasons.map((_, at) => `${place} ${at + 2}`));
});
