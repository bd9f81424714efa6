import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../core/canonical.ts';
import { messagesRequest } from './request.ts';

const hi = { role: 'user', content: 'Hi' };
const tool = { type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } };
const schema = { type: 'object', properties: { at: { type: 'object', properties: {} } } };
const format = { type: 'json_schema', json_schema: { name: 'place', strict: true, schema } };
const call = { id: 'call:1', type: 'function', function: { name: 'look', arguments: '{"at":1}' } };

function bodyOf(sent: JsonObject, options: JsonObject = {}): JsonObject {
  return messagesRequest({ model: 'claude-sonnet-4-5', messages: [hi], ...sent }, options).body;
}

/** What fields have to be; undefined for those that must not be there. */
type Wanted = Record<string, unknown>;

function fieldsOf(body: JsonObject, wanted: Wanted): Wanted {
  return Object.fromEntries(Object.keys(wanted).map((name) => [name, body[name]]));
}

describe('fields', () => {
  const old = 'claude-3-haiku-20240307';
  const latest = 'claude-opus-4-8';

  test.each<[string, JsonObject, JsonObject, Wanted]>([
    ['a limit is always given', {}, {}, { max_tokens: 32_000 }],
    ['as long as the model can', { model: old }, {}, { max_tokens: 4_096 }],
    ['a model of another maker', { model: 'kimi' }, {}, { max_tokens: 8_192 }],
    ['the limit of the request', { max_tokens: 5 }, { max_tokens: 9 }, { max_tokens: 5 }],
    ['the newer name first', { max_tokens: 5, max_completion_tokens: 6 }, {}, { max_tokens: 6 }],
    ['the limit of the settings', { max_tokens: null }, { max_tokens: 9 }, { max_tokens: 9 }],
    ['heat to one', { temperature: 1.6, model: old }, {}, { temperature: 1 }],
    ['one of heat and mass', { temperature: 0.5, top_p: 0.5 }, {}, { temperature: 0.5, top_p: undefined }],
    ['both where both may be', { temperature: 0, top_p: 0.5, model: old }, {}, { temperature: 0, top_p: 0.5 }],
    [
      'no heat for the newest',
      { temperature: 0, top_p: 0.5, model: latest },
      { top_k: 3 },
      { temperature: undefined, top_p: undefined, top_k: undefined },
    ],
    ['a field of its own, by the settings', {}, { top_k: 7 }, { top_k: 7 }],
    ['one stop', { stop: 'END' }, {}, { stop_sequences: ['END'] }],
    ['stops without blanks', { stop: ['\n\n', 'END'] }, {}, { stop_sequences: ['END'] }],
    ['a user', { user: 'u1' }, {}, { metadata: { user_id: 'u1' } }],
    [
      'what only tunes is left out',
      { seed: 1, logit_bias: {}, logprobs: true, n: 1, frequency_penalty: 1 },
      {},
      { seed: undefined, logprobs: undefined, n: undefined },
    ],
    ['a tier', { service_tier: 'default' }, {}, { service_tier: 'standard_only' }],
    ['a tier that it has not', { service_tier: 'flex' }, {}, { service_tier: undefined }],
    [
      'a schema',
      { response_format: format },
      {},
      {
        output_config: {
          format: {
            type: 'json_schema',
            schema: {
              ...schema,
              additionalProperties: false,
              properties: { at: { ...schema.properties.at, additionalProperties: false } },
            },
          },
        },
      },
    ],
    [
      'a schema by a tool',
      { response_format: format, model: old },
      {},
      {
        tools: [{ name: 'place', description: 'Gives the answer.', input_schema: schema }],
        tool_choice: { type: 'tool', name: 'place' },
        output_config: undefined,
      },
    ],
    [
      'any JSON',
      { response_format: { type: 'json_object' } },
      {},
      {
        system: [{ type: 'text', text: 'Answer with one JSON object and nothing else: no other text, no code fence.' }],
      },
    ],
  ])('%s', (_name, sent, options, wanted) => {
    expect(fieldsOf(bodyOf(sent, options), wanted)).toEqual(wanted);
  });

  test('betas of the settings stand in a header', () => {
    const { headers, body } = messagesRequest({ model: 'm', messages: [hi] }, { betas: ['files-api-2025-04-14', 'x'] });
    expect(headers).toEqual({ 'anthropic-beta': 'files-api-2025-04-14,x' });
    expect(body).not.toHaveProperty('betas');
  });
});

describe('tools', () => {
  const named = { type: 'function', function: { name: 'look' } };

  test.each<[string, JsonObject, JsonObject | undefined]>([
    ['auto', { tool_choice: 'auto' }, { type: 'auto' }],
    ['none', { tool_choice: 'none', parallel_tool_calls: false }, { type: 'none' }],
    ['required', { tool_choice: 'required' }, { type: 'any' }],
    ['one by name', { tool_choice: named }, { type: 'tool', name: 'look' }],
    ['one at a time', { parallel_tool_calls: false }, { type: 'auto', disable_parallel_tool_use: true }],
    [
      'one by name, one at a time',
      { tool_choice: named, parallel_tool_calls: false },
      { type: 'tool', name: 'look', disable_parallel_tool_use: true },
    ],
    ['nothing said', {}, undefined],
  ])('%s', (_name, sent, wanted) => {
    const body = bodyOf({ tools: [tool], ...sent });
    expect(body.tools).toEqual([{ name: 'look', input_schema: { type: 'object', properties: {} } }]);
    expect(body.tool_choice).toEqual(wanted);
  });

  test('results come first in the turn that follows, and neighbours are one turn', () => {
    const messages = [
      hi,
      { role: 'assistant', content: 'Let me see.', tool_calls: [call, { ...call, id: 'b' }] },
      { role: 'tool', tool_call_id: 'b', content: '' },
      { role: 'tool', tool_call_id: 'call:1', content: [{ type: 'text', text: 'Sea' }] },
      { role: 'user', content: 'And?' },
    ];
    expect(bodyOf({ messages, tools: [tool] }).messages).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'Let me see.' },
          { type: 'tool_use', id: 'call_1', name: 'look', input: { at: 1 } },
          { type: 'tool_use', id: 'b', name: 'look', input: { at: 1 } },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'b' },
          { type: 'tool_result', tool_use_id: 'call_1', content: [{ type: 'text', text: 'Sea' }] },
          { type: 'text', text: 'And?' },
        ],
      },
    ]);
  });

  test('tools that Anthropic runs itself pass as they are', () => {
    const search = { type: 'web_search_20250305', name: 'web_search', max_uses: 2 };
    expect(bodyOf({ tools: [search] }).tools).toEqual([search]);
  });

  test('a schema beside tools: one of them has to be called', () => {
    const body = bodyOf({ tools: [tool], response_format: format, model: 'claude-3-5-haiku-20241022' });
    expect(body.tool_choice).toEqual({ type: 'any' });
    expect(body.tools).toHaveLength(2);
  });
});

describe('thoughts', () => {
  const signed = { type: 'thinking', thinking: 'Hm.', signature: 's1' };
  const asked = (more: JsonObject): JsonObject[] => [
    hi,
    { role: 'assistant', content: null, tool_calls: [call], ...more },
    { role: 'tool', tool_call_id: 'call:1', content: 'Sea' },
  ];

  test.each<[string, JsonObject, Wanted]>([
    [
      'a budget',
      { reasoning_effort: 'low', temperature: 0.2, top_k: 4 },
      { thinking: { type: 'enabled', budget_tokens: 1_024 }, temperature: undefined, top_k: undefined },
    ],
    [
      'a budget within the limit',
      { reasoning_effort: 'high', max_tokens: 2_000 },
      { thinking: { type: 'enabled', budget_tokens: 1_999 } },
    ],
    ['a limit that is too short', { reasoning_effort: 'high', max_tokens: 500 }, { thinking: undefined }],
    [
      'an effort',
      { reasoning_effort: 'high', model: 'claude-opus-4-8' },
      { thinking: { type: 'adaptive', display: 'summarized' }, output_config: { effort: 'high' } },
    ],
    ['none', { reasoning_effort: 'none' }, { thinking: { type: 'disabled' } }],
    [
      'a model that does not think',
      { reasoning_effort: 'high', model: 'claude-3-haiku-20240307' },
      { thinking: undefined },
    ],
    [
      'as Anthropic writes it',
      { thinking: { type: 'enabled', budget_tokens: 3_000 } },
      { thinking: { type: 'enabled', budget_tokens: 3_000 } },
    ],
    [
      'not where a tool is forced',
      { reasoning_effort: 'low', tools: [tool], tool_choice: 'required' },
      { thinking: undefined },
    ],
    [
      'a turn that goes on with its thoughts',
      { reasoning_effort: 'low', tools: [tool], messages: asked({ thinking_blocks: [signed] }) },
      { thinking: { type: 'enabled', budget_tokens: 1_024 } },
    ],
    [
      'a turn whose thoughts are lost',
      { reasoning_effort: 'low', tools: [tool], messages: asked({ reasoning_content: 'Hm.' }) },
      { thinking: undefined },
    ],
  ])('%s', (_name, sent, wanted) => {
    expect(fieldsOf(bodyOf(sent), wanted)).toEqual(wanted);
  });

  test.each<[string, JsonObject, JsonObject, Wanted]>([
    ['of the settings', {}, { thinking: { type: 'adaptive' } }, { thinking: { type: 'adaptive' } }],
    [
      'an effort of the settings',
      {},
      { reasoning_effort: 'low' },
      { thinking: { type: 'enabled', budget_tokens: 1_024 }, reasoning_effort: undefined },
    ],
    [
      'of the call before',
      { reasoning_effort: 'none' },
      { thinking: { type: 'adaptive' } },
      { thinking: { type: 'disabled' } },
    ],
    [
      'not of the settings where a tool is forced',
      { tools: [tool], tool_choice: 'required' },
      { thinking: { type: 'adaptive' } },
      { thinking: undefined },
    ],
    [
      'a model told by an effort needs no thoughts back',
      { model: 'claude-opus-5', reasoning_effort: 'low', tools: [tool], messages: asked({}) },
      {},
      { thinking: { type: 'adaptive', display: 'summarized' } },
    ],
    [
      'an effort without thoughts',
      { model: 'claude-opus-5', reasoning_effort: 'minimal', tools: [tool], tool_choice: 'required' },
      {},
      { thinking: undefined, output_config: { effort: 'low' } },
    ],
    ['an effort that nobody knows', { reasoning_effort: 'toString' }, {}, { thinking: undefined }],
  ])('%s', (_name, sent, options, wanted) => {
    expect(fieldsOf(bodyOf(sent, options), wanted)).toEqual(wanted);
  });

  test('go back first, as they were signed', () => {
    const redacted = { type: 'redacted_thinking', data: 'x' };
    const unsigned = { type: 'thinking', thinking: 'nobody signed' };
    const messages = asked({ thinking_blocks: [{ ...signed, index: 0 }, redacted, unsigned] });
    const [, turn] = bodyOf({ messages, tools: [tool] }).messages as JsonObject[];
    expect(turn?.content).toEqual([
      signed,
      redacted,
      { type: 'tool_use', id: 'call_1', name: 'look', input: { at: 1 } },
    ]);
  });
});

describe('content', () => {
  const inside = (part: JsonObject): JsonObject | undefined => {
    const [turn] = bodyOf({ messages: [{ role: 'user', content: [part] }] }).messages as { content: JsonObject[] }[];
    return turn?.content[0];
  };

  test.each<[string, JsonObject, JsonObject]>([
    [
      'an image by URL',
      { type: 'image_url', image_url: { url: 'https://a.example/b.png' } },
      { type: 'image', source: { type: 'url', url: 'https://a.example/b.png' } },
    ],
    [
      'an image as data',
      { type: 'image_url', image_url: { url: 'data:image/PNG;base64,aGk=' } },
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aGk=' } },
    ],
    [
      'a PDF',
      { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERg==' } },
      { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERg==' }, title: 'a.pdf' },
    ],
    [
      'a text file',
      { type: 'file', file: { file_data: 'data:text/plain;charset=utf-8;base64,w7w=' } },
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'ü' } },
    ],
    [
      'a file that was uploaded',
      { type: 'file', file: { file_id: 'file_1' } },
      { type: 'document', source: { type: 'file', file_id: 'file_1' } },
    ],
    [
      'what is to be cached',
      { type: 'text', text: 'Long', cache_control: { type: 'ephemeral' } },
      { type: 'text', text: 'Long', cache_control: { type: 'ephemeral' } },
    ],
  ])('%s', (_name, part, wanted) => {
    expect(inside(part)).toEqual(wanted);
  });

  test('system and developer go to the top, in their order', () => {
    const { system, messages } = bodyOf({
      messages: [
        { role: 'system', content: 'A' },
        hi,
        { role: 'developer', content: [{ type: 'text', text: 'B' }] },
        { role: 'user', content: 'there' },
      ],
    });
    expect(system).toEqual([
      { type: 'text', text: 'A' },
      { type: 'text', text: 'B' },
    ]);
    expect(messages).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Hi' },
          { type: 'text', text: 'there' },
        ],
      },
    ]);
  });

  test('an answer that was begun has no blanks at its end', () => {
    const { messages } = bodyOf({ messages: [hi, { role: 'assistant', content: '1, 2, ' }] });
    expect(messages).toMatchObject([{}, { role: 'assistant', content: [{ text: '1, 2,' }] }]);
  });
});

describe('what cannot be said is refused with what to do', () => {
  test.each<[string, JsonObject, string]>([
    ['n', { n: 2 }, 'Anthropic gives one choice a call: leave out n, and call once for each choice.'],
    [
      'sound',
      { modalities: ['text', 'audio'] },
      'Anthropic answers in text only: leave out audio and modalities, or ask another model.',
    ],
    [
      'no message',
      { messages: [{ role: 'system', content: 'x' }] },
      'Anthropic wants a message of the user: add one to messages.',
    ],
    [
      'an image of nothing',
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:,x' } }] }] },
      'messages.0.content.0.image_url must be an http URL, or a data URL in base64.',
    ],
    [
      'a spreadsheet',
      { messages: [{ role: 'user', content: [{ type: 'file', file: { file_data: 'data:text/csv;base64,YQ==' } }] }] },
      'messages.0.content.0.file must be a PDF, a plain text or an image, as a data URL in base64.',
    ],
    [
      'a choice of tools',
      { tools: [tool], tool_choice: { type: 'allowed_tools' } },
      'Anthropic takes auto, none, required or one function for tool_choice: send one of these.',
    ],
    ['a limit that is none', { max_tokens: 1.5 }, 'max_tokens must be a whole number.'],
  ])('%s', (_name, sent, sentence) => {
    expect(() => bodyOf(sent)).toThrow(sentence);
  });
});
