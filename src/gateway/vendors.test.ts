import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../core/canonical.ts';
import { choicesOf } from '../core/choices.ts';
import { createCollector } from './collect.ts';

/** What the record of a stream of one choice has. */
function streamed(deltas: readonly JsonObject[], extras: readonly JsonObject[] = []): Json {
  const collector = createCollector();
  for (const [at, delta] of deltas.entries()) collector.add({ choices: [{ index: 0, delta, ...extras[at] }] });
  return JSON.parse(JSON.stringify(collector.choices())) as Json;
}

/** What the record of the same answer has when it comes whole. */
function whole(message: JsonObject, extra: JsonObject = {}): Json {
  return choicesOf({
    choices: [{ index: 0, message: { role: 'assistant', ...message }, ...extra }],
  }) as unknown as Json;
}

const call = (id: string, name: string, args: string): JsonObject => ({
  id,
  type: 'function',
  function: { name, arguments: args },
});
const piece = (fields: JsonObject): JsonObject => ({ tool_calls: [fields] });

describe('a stream is recorded as the whole answer would be, as it comes from', () => {
  test.each<[string, JsonObject[], JsonObject]>([
    [
      'OpenAI with two tools',
      [
        { role: 'assistant', content: null, refusal: null },
        piece({ index: 0, ...call('a', 'f', '') }),
        piece({ index: 0, function: { arguments: '{"x":' } }),
        piece({ index: 0, function: { arguments: '1}' } }),
        piece({ index: 1, ...call('b', 'f', '') }),
        piece({ index: 1, function: { arguments: '{}' } }),
      ],
      { content: null, refusal: null, tool_calls: [call('a', 'f', '{"x":1}'), call('b', 'f', '{}')] },
    ],
    [
      'OpenAI with a function in the old way',
      [
        { role: 'assistant', content: null, function_call: { name: 'f', arguments: '' } },
        { function_call: { arguments: '{"x"' } },
        { function_call: { arguments: ':1}' } },
      ],
      { content: null, function_call: { name: 'f', arguments: '{"x":1}' } },
    ],
    [
      'a vendor that repeats the name of a function in the old way',
      [{ function_call: { name: 'f', arguments: '{' } }, { function_call: { name: 'f', arguments: '}' } }],
      { function_call: { name: 'f', arguments: '{}' } },
    ],
    [
      'OpenAI with audio',
      [
        { role: 'assistant', audio: { id: 'audio_1', transcript: 'Hel' } },
        { audio: { transcript: 'lo', data: 'AAAA' } },
        { audio: { data: 'BBBB' } },
        { audio: { expires_at: 9 } },
      ],
      { audio: { id: 'audio_1', transcript: 'Hello', data: 'AAAABBBB', expires_at: 9 } },
    ],
    [
      'OpenAI with citations',
      [
        { content: 'T' },
        { annotations: [{ type: 'url_citation', url_citation: { url: 'a' } }] },
        { annotations: [{ type: 'url_citation', url_citation: { url: 'b' } }] },
      ],
      {
        content: 'T',
        annotations: [
          { type: 'url_citation', url_citation: { url: 'a' } },
          { type: 'url_citation', url_citation: { url: 'b' } },
        ],
      },
    ],
    [
      'citations that are numbered by place',
      [
        { annotations: [{ type: 'file_citation', index: 3, file_id: 'a' }] },
        { annotations: [{ type: 'file_citation', index: 3, file_id: 'b' }] },
      ],
      {
        annotations: [
          { type: 'file_citation', index: 3, file_id: 'a' },
          { type: 'file_citation', index: 3, file_id: 'b' },
        ],
      },
    ],
    [
      'DeepSeek',
      [
        { role: 'assistant', content: null, reasoning_content: '' },
        { reasoning_content: 'h' },
        { reasoning_content: 'm' },
        { content: 'T', reasoning_content: null },
      ],
      { content: 'T', reasoning_content: 'hm' },
    ],
    [
      'OpenRouter with thoughts that are signed',
      [
        {
          role: 'assistant',
          content: '',
          reasoning: 'h',
          reasoning_details: [{ type: 'reasoning.text', text: 'h', format: 'anthropic-claude-v1', index: 0 }],
        },
        {
          content: '',
          reasoning: 'm',
          reasoning_details: [{ type: 'reasoning.text', text: 'm', format: 'anthropic-claude-v1', index: 0 }],
        },
        {
          content: '',
          reasoning_details: [{ type: 'reasoning.text', signature: 'sig', format: 'anthropic-claude-v1', index: 0 }],
        },
        {
          content: '',
          reasoning_details: [
            { type: 'reasoning.encrypted', data: 'xyz', format: 'openai-responses-v1', id: 'rs_1', index: 1 },
          ],
        },
        { content: 'T' },
      ],
      {
        content: 'T',
        reasoning: 'hm',
        reasoning_details: [
          { type: 'reasoning.text', text: 'hm', signature: 'sig', format: 'anthropic-claude-v1', index: 0 },
          { type: 'reasoning.encrypted', data: 'xyz', format: 'openai-responses-v1', id: 'rs_1', index: 1 },
        ],
      },
    ],
    [
      'LiteLLM with the blocks of Claude',
      [
        { thinking_blocks: [{ type: 'thinking', thinking: 'h', signature: '' }] },
        { thinking_blocks: [{ type: 'thinking', thinking: 'm', signature: '' }] },
        { thinking_blocks: [{ type: 'thinking', thinking: '', signature: 'sig' }] },
        { thinking_blocks: [{ type: 'redacted_thinking', data: 'x' }] },
        { thinking_blocks: [{ type: 'redacted_thinking', data: 'y' }] },
        { thinking_blocks: [{ type: 'thinking', thinking: 'more', signature: '' }] },
        { content: 'T' },
      ],
      {
        thinking_blocks: [
          { type: 'thinking', thinking: 'hm', signature: 'sig' },
          { type: 'redacted_thinking', data: 'x' },
          { type: 'redacted_thinking', data: 'y' },
          { type: 'thinking', thinking: 'more', signature: '' },
        ],
        content: 'T',
      },
    ],
    [
      'Mistral with thoughts among the parts',
      [
        { role: 'assistant', content: '' },
        { content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'h' }] }] },
        { content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'm' }] }] },
        { content: 'T' },
        { content: 'ext' },
        { content: [{ type: 'reference', reference_ids: [1] }] },
        { content: '' },
      ],
      {
        content: [
          { type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] },
          { type: 'text', text: 'Text' },
          { type: 'reference', reference_ids: [1] },
        ],
      },
    ],
    [
      'Gemini, whose calls come whole, all with number 0',
      [piece({ index: 0, ...call('a', 'f', '{"x":1}') }), piece({ index: 0, ...call('b', 'g', '{}') })],
      { tool_calls: [call('a', 'f', '{"x":1}'), call('b', 'g', '{}')] },
    ],
    [
      'Gemini, whose calls come whole, without number and id, signed',
      [
        piece({ ...call('', 'f', '{"x":1}'), extra_content: { google: { thought_signature: 's' } } }),
        piece(call('', 'f', '{}')),
      ],
      {
        tool_calls: [
          { ...call('', 'f', '{"x":1}'), extra_content: { google: { thought_signature: 's' } } },
          call('', 'f', '{}'),
        ],
      },
    ],
    [
      'a server that makes a new id for each piece of a call',
      [piece({ index: 0, ...call('a', 'f', '') }), piece({ index: 0, id: 'b', function: { arguments: '{}' } })],
      { tool_calls: [call('b', 'f', '{}')] },
    ],
    [
      'a server whose pieces have neither number nor id',
      [
        piece(call('a', 'f', '{"x"')),
        piece({ function: { arguments: ':{}' } }),
        piece({ function: { arguments: '}' } }),
      ],
      { tool_calls: [call('a', 'f', '{"x":{}}')] },
    ],
    [
      'a server that sends the whole message as its only chunk',
      [{ role: 'assistant', content: 'T', tool_calls: [call('a', 'f', '{}'), call('b', 'g', '{}')] }],
      { content: 'T', tool_calls: [call('a', 'f', '{}'), call('b', 'g', '{}')] },
    ],
  ])('%s', (_name, deltas, message) => {
    expect(streamed(deltas)).toEqual(whole(message));
  });

  test('OpenAI with log probabilities of the text and of a refusal', () => {
    const token = (text: string): JsonObject => ({ token: text, logprob: -1, bytes: [1], top_logprobs: [] });
    const extras = [
      { logprobs: { content: [token('a')], refusal: null } },
      { logprobs: { content: [token('b')], refusal: null } },
      { logprobs: { content: null, refusal: [token('c')] } },
      { logprobs: null, finish_reason: 'stop' },
    ];
    const got = streamed([{ content: 'a' }, { content: 'b' }, { refusal: 'c' }, {}], extras);
    const logprobs = { content: [token('a'), token('b')], refusal: [token('c')] };
    expect(got).toEqual(whole({ content: 'ab', refusal: 'c' }, { logprobs, finish_reason: 'stop' }));
  });

  test('Azure, vLLM and OpenRouter with fields of a choice of their own', () => {
    const safe = { hate: { filtered: false, severity: 'safe' } };
    const extras = [
      { content_filter_results: {}, token_ids: [1, 2], native_finish_reason: null },
      { content_filter_results: safe, token_ids: [3], stop_reason: null },
      { content_filter_results: {}, finish_reason: 'stop', stop_reason: 128009, native_finish_reason: 'end_turn' },
    ];
    const extra = {
      content_filter_results: safe,
      token_ids: [1, 2, 3],
      stop_reason: 128009,
      native_finish_reason: 'end_turn',
    };
    expect(streamed([{ content: 'a' }, { content: 'b' }, {}], extras)).toEqual(
      whole({ content: 'ab' }, { ...extra, finish_reason: 'stop' }),
    );
  });
});

test('of the fields around the choices the last ones that say something stay, and no padding', () => {
  const collector = createCollector();
  const usage = (tokens: number): JsonObject => ({
    completion_tokens: tokens,
    completion_tokens_details: { reasoning_tokens: 1 },
  });
  collector.add({ id: '', model: '', choices: [], prompt_filter_results: [{ prompt_index: 0 }] });
  collector.add({
    id: 'x',
    model: 'm',
    service_tier: 'default',
    system_fingerprint: 'fp',
    usage: null,
    obfuscation: 'q8',
    choices: [],
  });
  collector.add({
    id: 'x',
    model: 'm',
    service_tier: null,
    usage: usage(1),
    citations: ['a'],
    provider: 'p',
    choices: [],
  });
  collector.add({ id: 'x', model: 'm', usage: usage(2), citations: ['a'], obfuscation: '', choices: [] });
  expect(collector.response()).toEqual({
    id: 'x',
    model: 'm',
    prompt_filter_results: [{ prompt_index: 0 }],
    service_tier: 'default',
    system_fingerprint: 'fp',
    usage: usage(2),
    citations: ['a'],
    provider: 'p',
  });
});
