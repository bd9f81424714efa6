import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../core/canonical.ts';
import { nativeCallOf } from './native.ts';

const hi = { role: 'user', content: 'Hi' };
const call = { id: 'call_1', type: 'function', function: { name: 'look', arguments: '{"at":1}' } };
const tool = { type: 'function', function: { name: 'look', parameters: { type: 'object' } } };

function bodyOf(sent: JsonObject, said: JsonObject = { num_ctx: 64 }): JsonObject | undefined {
  return nativeCallOf('chat/completions', JSON.stringify({ model: 'm', messages: [hi], ...sent }), said)?.request.body;
}

describe('which way a call goes', () => {
  const body = JSON.stringify({ model: 'm', messages: [hi] });
  test.each([
    ['no options', body, {}, false],
    ['options that are for us', body, { pull: 'missing' }, false],
    ['options of the settings', body, { num_ctx: 64 }, true],
    ['a time to stay in memory', body, { keep_alive: -1 }, true],
    ['options of the call', JSON.stringify({ model: 'm', messages: [hi], options: { num_ctx: 32 } }), {}, true],
    [
      'a word that looks like one',
      JSON.stringify({ model: 'm', messages: [{ role: 'user', content: '"options"' }] }),
      {},
      false,
    ],
    ['empty ones', JSON.stringify({ model: 'm', messages: [hi], options: {} }), {}, false],
  ])('%s', (_name, text, said, native) => {
    expect(nativeCallOf('chat/completions', text, said) !== null).toBe(native);
  });
});

test('what goes before all others is sent, whatever body and settings say', () => {
  const override = { num_gpu: 0 };
  const optionsOf = (sent: JsonObject, said: JsonObject) =>
    nativeCallOf('chat/completions', JSON.stringify({ model: 'm', messages: [hi], ...sent }), said, override)?.request
      .body.options;
  const usual = { temperature: 1, top_p: 1 };
  expect(optionsOf({}, {})).toEqual({ ...usual, num_gpu: 0 });
  expect(optionsOf({}, { num_gpu: 99, num_ctx: 64 })).toEqual({ ...usual, num_gpu: 0, num_ctx: 64 });
  expect(optionsOf({ options: { num_gpu: 7, seed: 1 } }, {})).toEqual({ ...usual, num_gpu: 0, seed: 1 });
});

describe('a chat', () => {
  test.each<[string, JsonObject, JsonObject, JsonObject]>([
    [
      'the same heat and mass as on the other route',
      {},
      { num_ctx: 64 },
      { options: { temperature: 1, top_p: 1, num_ctx: 64 } },
    ],
    ['heat of the settings', {}, { temperature: 0.2 }, { options: { temperature: 0.2, top_p: 1 } }],
    ['heat of the call', { temperature: 0 }, { temperature: 0.2 }, { options: { temperature: 0, top_p: 1 } }],
    [
      'options of the call before those of the settings',
      { options: { num_ctx: 32 } },
      { num_ctx: 64, seed: 1 },
      { options: { temperature: 1, top_p: 1, num_ctx: 32, seed: 1 } },
    ],
    [
      'every limit and stop',
      { max_completion_tokens: 9, max_tokens: 8, stop: 'END', seed: 3, frequency_penalty: 1, presence_penalty: 2 },
      { num_ctx: 64 },
      {
        options: {
          temperature: 1,
          top_p: 1,
          num_ctx: 64,
          num_predict: 9,
          stop: ['END'],
          seed: 3,
          frequency_penalty: 1,
          presence_penalty: 2,
        },
      },
    ],
    [
      'a schema',
      { response_format: { type: 'json_schema', json_schema: { schema: { type: 'object' } } } },
      { num_ctx: 64 },
      { format: { type: 'object' } },
    ],
    ['any JSON', { response_format: { type: 'json_object' } }, { num_ctx: 64 }, { format: 'json' }],
    ['no thoughts', { reasoning_effort: 'none' }, { num_ctx: 64 }, { think: false }],
    ['thoughts', { reasoning_effort: 'xhigh' }, { num_ctx: 64 }, { think: 'high' }],
    ['thoughts of the settings', {}, { think: true }, { think: true }],
    ['a time to stay', { stream: true }, { keep_alive: '10m' }, { keep_alive: '10m', stream: true }],
    ['odds', { logprobs: true, top_logprobs: 2 }, { num_ctx: 64 }, { logprobs: true, top_logprobs: 2 }],
    ['tools', { tools: [tool] }, { num_ctx: 64 }, { tools: [tool] }],
  ])('%s', (_name, sent, said, wanted) => {
    expect(bodyOf(sent, said)).toMatchObject(wanted);
    expect(bodyOf(sent, said)?.options).toEqual(wanted.options ?? bodyOf(sent, said)?.options);
  });

  test('no tools where none may be called', () => {
    expect(bodyOf({ tools: [tool], tool_choice: 'none' })).not.toHaveProperty('tools');
  });

  test('its messages: one text each, images as base64, calls with objects, results with the name of their tool', () => {
    const messages = [
      { role: 'developer', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=' } },
          { type: 'text', text: 'is it?' },
        ],
      },
      {
        role: 'assistant',
        content: null,
        reasoning_content: 'Hm.',
        tool_calls: [call, { ...call, id: 'b', function: { name: 'look', arguments: '{"at' } }],
      },
      { role: 'tool', tool_call_id: 'call_1', content: 'Sea' },
    ];
    expect(bodyOf({ messages })?.messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'What\nis it?', images: ['aGk='] },
      {
        role: 'assistant',
        content: '',
        thinking: 'Hm.',
        tool_calls: [
          { id: 'call_1', function: { name: 'look', arguments: { at: 1 } } },
          { id: 'b', function: { name: 'look', arguments: { INVALID_JSON: '{"at' } } },
        ],
      },
      { role: 'tool', content: 'Sea', tool_name: 'look', tool_call_id: 'call_1' },
    ]);
  });

  test.each<[JsonObject, JsonObject, string]>([
    [{ n: 2 }, { num_ctx: 64 }, 'Ollama gives one choice a call: leave out n, and call once for each choice.'],
    [
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://a.example/b.png' } }] }] },
      { num_ctx: 64 },
      'Ollama fetches no images (messages.0.content.0): send it as a data URL in base64.',
    ],
    [
      { tools: [{ type: 'custom' }] },
      { num_ctx: 64 },
      'Ollama takes no tool of type "custom" (tools.0): describe it as a function.',
    ],
    [
      { options: { num_ctx: 'big', numa: 'no' } },
      {},
      'Correct these options of Ollama: num_ctx: write a whole number; numa: write true or false.',
    ],
  ])('%j is refused', (sent, said, sentence) => {
    expect(() => bodyOf(sent, said)).toThrow(sentence);
  });
});

test('texts to be embedded, with how the model is loaded', () => {
  const body = JSON.stringify({ model: 'm', input: 'Hi', dimensions: 8 });
  expect(nativeCallOf('embeddings', body, { num_ctx: 64, keep_alive: 5, think: true })?.request).toEqual({
    path: 'embed',
    body: { model: 'm', input: ['Hi'], dimensions: 8, keep_alive: 5, options: { num_ctx: 64 } },
  });
});

test('a text to be gone on with', () => {
  const body = JSON.stringify({ model: 'm', prompt: 'Hi', suffix: '!', max_tokens: 4 });
  expect(nativeCallOf('completions', body, { num_ctx: 64 })?.request).toEqual({
    path: 'generate',
    body: {
      model: 'm',
      prompt: 'Hi',
      suffix: '!',
      stream: false,
      options: { temperature: 1, top_p: 1, num_ctx: 64, num_predict: 4 },
    },
  });
});
