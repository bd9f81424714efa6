import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../../core/canonical.ts';
import type { Call } from '../../ports.ts';
import { responsesOperation } from './operation.ts';

function read(body: JsonObject): Call {
  return responsesOperation.read(body, JSON.stringify(body));
}

/** What the provider gets for a request, but for model and messages. */
function asked(body: JsonObject, addUsage = false): JsonObject {
  const call = read({ model: 'a/b', input: 'Hi', ...body });
  const { model, messages, ...fields } = JSON.parse(call.upstream('b', { addUsage })) as JsonObject;
  expect({ model, messages }).toEqual({ model: 'b', messages: call.messages });
  return fields;
}

const tool = { type: 'function', name: 'f', description: 'does', parameters: { type: 'object' }, strict: true };
const chatTool = {
  type: 'function',
  function: { name: 'f', description: 'does', parameters: { type: 'object' }, strict: true },
};

describe('settings become those of a chat', () => {
  test.each<[JsonObject, JsonObject]>([
    [{}, {}],
    [
      { temperature: 0.5, top_p: 1, user: 'u', seed: 7, x_unknown: { a: [null] } },
      { temperature: 0.5, top_p: 1, user: 'u', seed: 7, x_unknown: { a: [null] } },
    ],
    [{ temperature: null, tools: null, tool_choice: null, text: null, reasoning: null, max_output_tokens: null }, {}],
    [{ max_output_tokens: 9 }, { max_tokens: 9 }],
    [{ reasoning: { effort: 'low', summary: 'auto' } }, { reasoning_effort: 'low' }],
    [{ reasoning: { effort: null } }, {}],
    [{ top_logprobs: 3 }, { logprobs: true, top_logprobs: 3 }],
    [{ include: ['message.output_text.logprobs', 'reasoning.encrypted_content'] }, { logprobs: true }],
    [{ include: ['reasoning.encrypted_content'], top_logprobs: 0 }, {}],
    [{ text: { format: { type: 'text' }, verbosity: 'low' } }, { verbosity: 'low' }],
    [{ text: { format: { type: 'json_object' } } }, { response_format: { type: 'json_object' } }],
    [
      {
        text: {
          format: { type: 'json_schema', name: 'n', schema: { type: 'object' }, strict: true, description: null },
        },
      },
      {
        response_format: { type: 'json_schema', json_schema: { name: 'n', schema: { type: 'object' }, strict: true } },
      },
    ],
    [
      { tools: [tool], parallel_tool_calls: false },
      { tools: [chatTool], parallel_tool_calls: false },
    ],
    [
      { tools: [{ ...tool, description: null, strict: null }] },
      { tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }] },
    ],
    [
      { tools: [tool], tool_choice: 'required' },
      { tools: [chatTool], tool_choice: 'required' },
    ],
    [
      { tools: [tool], tool_choice: { type: 'function', name: 'f' } },
      { tools: [chatTool], tool_choice: { type: 'function', function: { name: 'f' } } },
    ],
    [
      {
        tools: [tool],
        tool_choice: { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'f' }] },
      },
      {
        tools: [chatTool],
        tool_choice: {
          type: 'allowed_tools',
          allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'f' } }] },
        },
      },
    ],
    [{ tools: [], tool_choice: 'auto', parallel_tool_calls: true }, {}],
    [{ metadata: { a: 'b' }, truncation: 'auto', max_tool_calls: 3, store: true, background: false }, {}],
    [{ store: false, prompt: null, conversation: null, previous_response_id: null }, { store: false }],
    [{ stream: true, stream_options: { include_obfuscation: false } }, { stream: true }],
    [{ n: 2, messages: [] }, {}],
  ])('%j', (body, fields) => {
    expect(asked(body)).toEqual(fields);
  });

  test('the limit of tokens has the name that the provider knows', () => {
    const call = read({ model: 'm', input: 'Hi', max_output_tokens: 9 });
    const sent = JSON.parse(call.upstream('m', { addUsage: false, limitField: 'max_completion_tokens' })) as JsonObject;
    expect(sent).toEqual({ model: 'm', messages: call.messages, max_completion_tokens: 9 });
  });

  test('usage is asked for where the provider knows how', () => {
    expect(asked({ stream: true }, true)).toEqual({ stream: true, stream_options: { include_usage: true } });
  });
});

describe('what only OpenAI itself does is refused with what to do', () => {
  test.each<[JsonObject, string, RegExp]>([
    [{ previous_response_id: 'resp_1' }, 'previous_response_id', /send the whole input.*x-conversation-id/],
    [{ conversation: { id: 'conv_1' } }, 'conversation', /send the whole input/],
    [{ background: true }, 'background', /leave it out/],
    [{ prompt: { id: 'pmpt_1' } }, 'prompt', /instructions and input/],
    [{ context_management: [{ type: 'compaction' }] }, 'context_management', /shorten/],
    [{ moderation: { model: 'm' } }, 'moderation', /leave it out/],
    [{ tools: 'all' }, 'tools', /list/],
    [{ tools: [null] }, 'tools.0', /object/],
    [{ tools: [tool, { type: 'web_search' }] }, 'tools.1.type', /"web_search".*describe it as a "function"/],
    [{ tools: [{ type: 'custom', name: 'x' }] }, 'tools.0.type', /"custom"/],
    [{ tools: [{ type: 'function' }] }, 'tools.0.name', /text/],
    [{ tools: [tool], tool_choice: { type: 'file_search' } }, 'tool_choice', /by name/],
    [{ text: { format: { type: 'grammar' } } }, 'text.format.type', /json_schema/],
    [{ stream: 1 }, 'stream', /true or false/],
    [{ model: '' }, 'model', /active/],
  ])('%j', (body, param, message) => {
    expect(() => read({ model: 'm', input: 'Hi', ...body })).toThrow(
      expect.objectContaining({
        code: 'InvalidInput',
        details: { param },
        message: expect.stringMatching(message) as string,
      }),
    );
  });
});

test('the record has the request as sent, and the chat that it stands for', () => {
  const body: JsonObject = {
    model: 'm',
    instructions: 'I',
    input: [{ role: 'user', content: 'Hi', x: 1 }],
    metadata: { a: 'b' },
    y: [null],
  };
  expect(read(body)).toMatchObject({
    envelope: body,
    messages: [
      { role: 'system', content: 'I' },
      { role: 'user', content: 'Hi' },
    ],
    choices: 1,
    stream: false,
    unrecorded: false,
    user: null,
  });
  expect(read({ ...body, store: false, stream: true, safety_identifier: 's' })).toMatchObject({
    stream: true,
    unrecorded: true,
    user: 's',
  });
  expect(read({ ...body, user: 'u', safety_identifier: 's' }).user).toBe('u');
});

describe('a whole answer as a Response', () => {
  const reply = (body: JsonObject, choice: JsonObject, more: JsonObject = {}): JsonObject => {
    const answer = {
      id: 'x',
      created: 5,
      model: 'b',
      choices: [{ index: 0, finish_reason: 'stop', ...choice }],
      ...more,
    };
    return JSON.parse(read({ model: 'a/b', input: 'Hi', ...body }).reply(answer, '', 'c1')) as JsonObject;
  };
  const message = (fields: JsonObject): JsonObject => ({ message: { role: 'assistant', ...fields } });
  const textItem = (text: string, at = 0, more: JsonObject = {}): JsonObject => ({
    id: `msg_c1_${at}`,
    type: 'message',
    status: 'completed',
    role: 'assistant',
    content: [{ type: 'output_text', annotations: [], logprobs: [], text, ...more }],
  });

  test('with nothing asked for', () => {
    expect(reply({}, message({ content: 'Hello' }))).toEqual({
      id: 'c1',
      object: 'response',
      created_at: 5,
      completed_at: expect.any(Number) as number,
      status: 'completed',
      background: false,
      error: null,
      incomplete_details: null,
      instructions: null,
      max_output_tokens: null,
      max_tool_calls: null,
      model: 'b',
      output: [textItem('Hello')],
      parallel_tool_calls: true,
      previous_response_id: null,
      prompt_cache_key: null,
      reasoning: { effort: null, summary: null },
      safety_identifier: null,
      service_tier: 'default',
      store: true,
      temperature: null,
      text: { format: { type: 'text' } },
      tool_choice: 'auto',
      tools: [],
      top_logprobs: 0,
      top_p: null,
      truncation: 'disabled',
      usage: null,
      user: null,
      metadata: {},
    });
  });

  test('settings are told as sent', () => {
    const sent: JsonObject = {
      instructions: 'I',
      max_output_tokens: 5,
      parallel_tool_calls: false,
      prompt_cache_key: 'k',
      reasoning: { effort: 'low', summary: null },
      safety_identifier: 's',
      store: false,
      temperature: 0,
      text: { format: { type: 'json_object' }, verbosity: 'low' },
      tool_choice: 'none',
      tools: [tool],
      top_logprobs: 2,
      top_p: 0.5,
      truncation: 'auto',
      user: 'u',
      metadata: { a: 'b' },
    };
    expect(reply(sent, message({ content: '' }), { service_tier: 'flex' })).toMatchObject({
      ...sent,
      service_tier: 'flex',
    });
  });

  test.each<[string, JsonObject, JsonObject[]]>([
    ['nothing', { content: null }, [textItem('')]],
    [
      'a thought, a text and calls',
      {
        content: 'T',
        reasoning: 'R',
        tool_calls: [
          { id: 'a', type: 'function', function: { name: 'f', arguments: '{"x":1}' } },
          { function: { name: 'g', arguments: { y: 2 } } },
        ],
      },
      [
        { id: 'rs_c1_reasoning', type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text: 'R' }] },
        textItem('T', 1),
        { id: 'fc_c1_2', type: 'function_call', status: 'completed', call_id: 'a', name: 'f', arguments: '{"x":1}' },
        {
          id: 'fc_c1_3',
          type: 'function_call',
          status: 'completed',
          call_id: 'call_c1_1',
          name: 'g',
          arguments: '{"y":2}',
        },
      ],
    ],
    [
      'the old form of a call',
      { content: null, function_call: { name: 'f', arguments: '1' } },
      [{ id: 'fc_c1_0', type: 'function_call', status: 'completed', call_id: 'call_c1_0', name: 'f', arguments: '1' }],
    ],
    [
      'a citation',
      {
        content: 'T',
        annotations: [
          { type: 'url_citation', url_citation: { url: 'u', title: 't', start_index: 0, end_index: 1 } },
          'odd',
        ],
      },
      [
        textItem('T', 0, {
          annotations: [{ type: 'url_citation', url: 'u', title: 't', start_index: 0, end_index: 1 }, 'odd'],
        }),
      ],
    ],
    [
      'a refusal',
      { content: null, refusal: 'No.' },
      [{ ...textItem(''), content: [{ type: 'refusal', refusal: 'No.' }] }],
    ],
    [
      'a text in parts',
      {
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
      [textItem('ab')],
    ],
  ])('%s', (_name, fields, output) => {
    expect(reply({}, message(fields)).output).toEqual(output);
  });

  test('a thought as the summary that was asked for', () => {
    const shown = reply({ reasoning: { summary: 'auto' } }, message({ content: 'T', reasoning_content: 'R' }));
    expect((shown.output as Json[])[0]).toEqual({
      id: 'rs_c1_reasoning_content',
      type: 'reasoning',
      summary: [{ type: 'summary_text', text: 'R' }],
    });
  });

  test.each([
    ['length', { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } }],
    ['content_filter', { status: 'incomplete', incomplete_details: { reason: 'content_filter' } }],
    ['tool_calls', { status: 'completed', incomplete_details: null }],
    [null, { status: 'completed', incomplete_details: null }],
  ])('finish reason %s', (finish, expected) => {
    const got = reply({}, { ...message({ content: 'T' }), finish_reason: finish });
    expect(got).toMatchObject({ ...expected, output: [{ status: expected.status }] });
    expect(got.completed_at === null).toBe(expected.status !== 'completed');
  });

  test('usage and log probabilities', () => {
    const logprobs = [{ token: 'T', logprob: -1, bytes: [84], top_logprobs: [] }];
    const usage = {
      prompt_tokens: 10,
      completion_tokens: 4,
      total_tokens: 14,
      prompt_tokens_details: { cached_tokens: 6, audio_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 3 },
    };
    const got = reply({}, { ...message({ content: 'T' }), logprobs: { content: logprobs } }, { usage });
    expect(got.output).toEqual([textItem('T', 0, { logprobs })]);
    expect(got.usage).toEqual({
      input_tokens: 10,
      input_tokens_details: { cached_tokens: 6, cache_write_tokens: 0 },
      output_tokens: 4,
      output_tokens_details: { reasoning_tokens: 3 },
      total_tokens: 14,
    });
    const bare = reply({}, message({ content: 'T' }), { usage: { prompt_tokens: 2, completion_tokens: 3 } });
    expect(bare.usage).toMatchObject({ total_tokens: 5, input_tokens_details: { cached_tokens: 0 } });
  });
});
