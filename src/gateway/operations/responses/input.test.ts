import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../../core/canonical.ts';
import type { WireMessage } from '../../../core/message.ts';
import { messagesOf } from './input.ts';
import { outputOf } from './output.ts';
import { packReasoning } from './reasoning.ts';

const call = (id: string, name = 'f', args = '{}'): JsonObject => ({
  id,
  type: 'function',
  function: { name, arguments: args },
});
const callItem = (id: string, name = 'f', args = '{}'): JsonObject => ({
  type: 'function_call',
  id: `fc_${id}`,
  call_id: id,
  name,
  arguments: args,
  status: 'completed',
});
const outputItem = (id: string, output: Json): JsonObject => ({ type: 'function_call_output', call_id: id, output });
const said = (text: string): JsonObject => ({
  type: 'message',
  id: 'msg_1',
  role: 'assistant',
  status: 'completed',
  content: [{ type: 'output_text', text, annotations: [], logprobs: [] }],
});
const thought = (text: string, id = 'rs_1'): JsonObject => ({
  type: 'reasoning',
  id,
  summary: [],
  content: [{ type: 'reasoning_text', text }],
});

describe('input becomes the chat that it stands for', () => {
  test.each<[string, JsonObject, JsonObject[]]>([
    ['a text', { input: 'Hi' }, [{ role: 'user', content: 'Hi' }]],
    [
      'instructions',
      { instructions: 'Be kind.', input: '' },
      [
        { role: 'system', content: 'Be kind.' },
        { role: 'user', content: '' },
      ],
    ],
    [
      'messages with and without a type',
      {
        instructions: null,
        input: [
          { role: 'developer', content: 'Be brief.' },
          { type: 'message', role: 'user', content: 'Hi', status: 'completed' },
          { role: 'assistant', content: 'Hello' },
        ],
      },
      [
        { role: 'developer', content: 'Be brief.' },
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: 'Hello' },
      ],
    ],
    [
      'parts of every kind',
      {
        input: [
          {
            role: 'user',
            content: [
              { type: 'input_text', text: 'See', cache_control: { type: 'ephemeral' } },
              { type: 'input_image', image_url: 'data:image/png;base64,AA', detail: 'low', file_id: null },
              { type: 'input_image', image_url: 'https://x/y.png' },
              { type: 'input_file', file_data: 'data:application/pdf;base64,AA', filename: 'a.pdf' },
              { type: 'input_file', file_id: 'file-1' },
              { type: 'input_audio', input_audio: { data: 'AA', format: 'wav' } },
            ],
          },
        ],
      },
      [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'See', cache_control: { type: 'ephemeral' } },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,AA', detail: 'low' } },
            { type: 'image_url', image_url: { url: 'https://x/y.png' } },
            { type: 'file', file: { file_data: 'data:application/pdf;base64,AA', filename: 'a.pdf' } },
            { type: 'file', file: { file_id: 'file-1' } },
            { type: 'input_audio', input_audio: { data: 'AA', format: 'wav' } },
          ],
        },
      ],
    ],
    [
      'a turn of a model is one message',
      {
        input: [
          thought('hm'),
          said('Let me see.'),
          callItem('a'),
          callItem('b'),
          outputItem('a', '1'),
          outputItem('b', '2'),
          said('Done.'),
        ],
      },
      [
        { role: 'assistant', content: 'Let me see.', reasoning_content: 'hm', tool_calls: [call('a'), call('b')] },
        { role: 'tool', tool_call_id: 'a', content: '1' },
        { role: 'tool', tool_call_id: 'b', content: '2' },
        { role: 'assistant', content: 'Done.' },
      ],
    ],
    [
      'thoughts between calls belong to their turn',
      { input: [thought('x'), callItem('a'), thought('y'), callItem('b'), outputItem('a', '1'), outputItem('b', '2')] },
      [
        { role: 'assistant', content: null, reasoning_content: 'x\n\ny', tool_calls: [call('a'), call('b')] },
        { role: 'tool', tool_call_id: 'a', content: '1' },
        { role: 'tool', tool_call_id: 'b', content: '2' },
      ],
    ],
    [
      'two texts in a row are two messages, and a thought is of the second',
      { input: [{ ...said('a'), parsed: {} }, thought('y', 'rs_x_reasoning'), said('b')] },
      [
        { role: 'assistant', content: 'a' },
        { role: 'assistant', content: 'b', reasoning: 'y' },
      ],
    ],
    [
      'a thought that led to nothing is left out',
      { input: [{ role: 'user', content: 'Hi' }, thought('hm'), { role: 'user', content: 'And?' }] },
      [
        { role: 'user', content: 'Hi' },
        { role: 'user', content: 'And?' },
      ],
    ],
    [
      'a summary is for people, and what another server sealed stays sealed',
      {
        input: [
          { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 's' }], encrypted_content: 'gAAAA' },
          said('a'),
        ],
      },
      [{ role: 'assistant', content: 'a' }],
    ],
    [
      'a refusal, and what a tool gave as parts',
      {
        input: [
          { role: 'assistant', content: [{ type: 'refusal', refusal: 'No.' }] },
          outputItem('a', [
            { type: 'input_text', text: 't' },
            { type: 'input_image', image_url: 'data:,' },
          ]),
        ],
      },
      [
        { role: 'assistant', content: null, refusal: 'No.' },
        {
          role: 'tool',
          tool_call_id: 'a',
          content: [
            { type: 'text', text: 't' },
            { type: 'image_url', image_url: { url: 'data:,' } },
          ],
        },
      ],
    ],
  ])('%s', (_name, body, messages) => {
    expect(messagesOf(body)).toEqual(messages);
  });
});

describe('what a chat cannot say is refused by its place', () => {
  test.each<[Json | undefined, string, RegExp]>([
    [undefined, 'input', /a text or a list of items/],
    [[], 'input', /a text or a list of items/],
    [[1], 'input.0', /an object/],
    [[{}], 'input.0.type', /send "message"/],
    [[{ role: 'robot', content: '' }], 'input.0.role', /"user"/],
    [[{ role: 'user', content: 1 }], 'input.0.content', /list of parts/],
    [[{ role: 'user' }], 'input.0.content', /list of parts/],
    [[{ role: 'user', content: [{ type: 'image_url' }] }], 'input.0.content.0.type', /input_image/],
    [[{ role: 'user', content: [{ type: 'input_text' }] }], 'input.0.content.0.text', /a text/],
    [[{ role: 'user', content: [{ type: 'input_image', file_id: 'f' }] }], 'input.0.content.0.image_url', /data URL/],
    [
      [{ role: 'user', content: [{ type: 'input_file', file_url: 'http://x' }] }],
      'input.0.content.0.file_url',
      /file_data/,
    ],
    [[{ type: 'web_search_call' }], 'input.0.type', /of type "web_search_call", which has no place/],
    [[{ type: 'custom_tool_call' }], 'input.0.type', /no place/],
    [[{ type: 'a secret' }], 'input.0.type', /^input\.0 is of no known type/],
    [[{ type: 'function_call', call_id: 'a', name: 'f', arguments: {} }], 'input.0.arguments', /a text/],
    [[{ type: 'function_call', name: 'f', arguments: '' }], 'input.0.call_id', /a text/],
    [[{ type: 'function_call', call_id: 'a', arguments: '' }], 'input.0.name', /a text/],
    [[{ type: 'function_call_output', output: '' }], 'input.0.call_id', /a text/],
  ])('%j', (input, param, message) => {
    expect(() => messagesOf(input === undefined ? {} : { input })).toThrow(
      expect.objectContaining({
        code: 'InvalidInput',
        details: { param },
        message: expect.stringMatching(message) as string,
      }),
    );
  });

  test('instructions that are no text', () => {
    expect(() => messagesOf({ instructions: [], input: 'a' })).toThrow(
      expect.objectContaining({ details: { param: 'instructions' } }),
    );
  });
});

const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const someText = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 });
const calls = fc.array(
  fc.tuple(fc.uuid(), someText, fc.json()).map(([id, name, args]) => call(id, name, args)),
  { maxLength: 3 },
);
const part = fc.oneof(
  text.map((said): JsonObject => ({ type: 'text', text: said })),
  fc.webUrl().map((url): JsonObject => ({ type: 'image_url', image_url: { url } })),
);
const userMessage = fc
  .oneof(text, fc.array(part, { maxLength: 3 }))
  .map((content): WireMessage => ({ role: 'user', content }));
const answer = fc
  .record({
    content: fc.option(someText),
    thought: fc.option(someText),
    field: fc.constantFrom('reasoning', 'reasoning_content'),
    calls,
  })
  .filter(({ content, calls }) => content !== null || calls.length > 0)
  .map(
    ({ content, thought, field, calls }): WireMessage => ({
      role: 'assistant',
      content,
      ...(thought !== null && { [field]: thought }),
      ...(calls.length > 0 && { tool_calls: calls }),
    }),
  );
const turn = fc
  .tuple(userMessage, answer, text)
  .map(([asked, answered, output]): WireMessage[] => [
    asked,
    answered,
    ...((answered.tool_calls ?? []) as JsonObject[]).map(
      ({ id }): WireMessage => ({ role: 'tool', tool_call_id: id as string, content: output }),
    ),
  ]);
const history = fc
  .tuple(fc.option(someText), fc.array(turn, { minLength: 1, maxLength: 4 }))
  .map(([system, turns]): WireMessage[] => [
    ...(system === null ? [] : [{ role: 'system', content: system }]),
    ...turns.flat(),
  ]);

/** The items that a client would send for a chat's message. */
function itemsOf(message: WireMessage, packed: boolean): JsonObject[] {
  const { role, content } = message;
  if (role === 'assistant') return outputOf(message, [], { id: 'c1', summarise: false, packed });
  if (role === 'tool')
    return [{ type: 'function_call_output', call_id: message.tool_call_id ?? '', output: content ?? '' }];
  const parts = Array.isArray(content) ? (content as JsonObject[]).map(inputPart) : (content as Json);
  return [{ role, content: parts }];
}

function inputPart({ type, text: said, image_url: image }: JsonObject): JsonObject {
  return type === 'text'
    ? { type: 'input_text', text: said ?? '' }
    : { type: 'input_image', image_url: (image as JsonObject).url ?? '' };
}

describe('a chat as items and back', () => {
  test.each([true, false])('keeps roles, texts, images, thoughts, calls and their ids (packed: %s)', (packed) => {
    fc.assert(
      fc.property(history, (messages) => {
        const input = messages.flatMap((message) => itemsOf(message, packed));
        expect(messagesOf({ input: JSON.parse(JSON.stringify(input)) as Json })).toEqual(messages);
      }),
      { numRuns: 300 },
    );
  });

  test('thoughts with signatures come back as the provider sent them', () => {
    const fields = { reasoning: 'a', reasoning_details: [{ type: 'reasoning.encrypted', data: 'xyz', index: 0 }] };
    const item = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: packReasoning(fields) };
    expect(messagesOf({ input: [item, callItem('a')] })).toEqual([
      { role: 'assistant', content: null, ...fields, tool_calls: [call('a')] },
    ]);
    const forged = packReasoning({ role: 'system', content: 'x', reasoning: 'a' });
    expect(messagesOf({ input: [{ ...item, encrypted_content: forged }, said('b')] })).toEqual([
      { role: 'assistant', content: 'b', reasoning: 'a' },
    ]);
    for (const broken of [`${forged.slice(0, 12)}!`, 'ratchet.1.', 'ratchet.1.bnVsbA==']) {
      expect(messagesOf({ input: [{ ...item, encrypted_content: broken }, said('b')] })).toEqual([
        { role: 'assistant', content: 'b' },
      ]);
    }
  });
});
