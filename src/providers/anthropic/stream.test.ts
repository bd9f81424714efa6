import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type JsonObject, isObject } from '../../core/canonical.ts';
import { RatchetError } from '../../core/errors.ts';
import { createSseParser } from '../sse.ts';
import { createMessageStream } from './stream.ts';

const reading = { stream: true, usage: true, answerTool: null, oldCalls: false };
const fault = (problem: string): RatchetError => new RatchetError('ProviderUnavailable', problem);

function translate(bytes: Buffer, cuts: readonly number[], more: Partial<typeof reading> = {}): JsonObject[] {
  const options = { reading: { ...reading, ...more }, created: 1, malformed: fault, reported: () => fault('reported') };
  const stream = createMessageStream(options);
  const edges = [0, ...[...cuts].sort((a, b) => a - b), bytes.length];
  const pieces = edges.slice(1).flatMap((edge, at) => [...stream.push(bytes.subarray(edges[at], edge))]);
  const parser = createSseParser();
  const events = parser.push(Buffer.from([...pieces, ...stream.end()].join('')));
  return events.flatMap(({ data }) => (data === null || data === '[DONE]' ? [] : [JSON.parse(data) as JsonObject]));
}

const line = (event: JsonObject): string => `event: ${String(event.type)}\ndata: ${JSON.stringify(event)}\n\n`;

function streamOf(text: string, thought: string, args: string): Buffer {
  const block = (index: number, content: JsonObject, delta: JsonObject): string =>
    line({ type: 'content_block_start', index, content_block: content }) +
    line({ type: 'content_block_delta', index, delta }) +
    line({ type: 'content_block_stop', index });
  return Buffer.from(
    line({ type: 'message_start', message: { id: 'm', model: 'c', usage: { input_tokens: 3, output_tokens: 1 } } }) +
      block(0, { type: 'thinking', thinking: '' }, { type: 'thinking_delta', thinking: thought }) +
      block(1, { type: 'text', text: '' }, { type: 'text_delta', text }) +
      block(2, { type: 'tool_use', id: 't', name: 'f', input: {} }, { type: 'input_json_delta', partial_json: args }) +
      line({ type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 9 } }) +
      line({ type: 'message_stop' }),
  );
}

function grown(chunks: readonly JsonObject[], field: string): string {
  const deltas = chunks.flatMap(({ choices }) => (Array.isArray(choices) ? choices : []));
  return deltas
    .map((choice) => (isObject(choice) && isObject(choice.delta) ? choice.delta[field] : ''))
    .filter((piece) => typeof piece === 'string')
    .join('');
}

const anyText = fc.string({ unit: 'binary', minLength: 1 });

test('any text comes through, cut at any byte', () => {
  fc.assert(
    fc.property(anyText, anyText, anyText, fc.array(fc.nat(3_000)), (text, thought, args, cuts) => {
      const bytes = streamOf(text, thought, args);
      const chunks = translate(
        bytes,
        cuts.filter((cut) => cut < bytes.length),
      );
      expect(grown(chunks, 'content')).toBe(text);
      expect(grown(chunks, 'reasoning_content')).toBe(thought);
      const calls = chunks.flatMap(({ choices }) =>
        (choices as { delta: { tool_calls?: { function: { arguments: string } }[] } }[]).flatMap(
          ({ delta }) => delta.tool_calls ?? [],
        ),
      );
      expect(calls.map((call) => call.function.arguments).join('')).toBe(args);
      expect(chunks.at(-1)).toMatchObject({ usage: { prompt_tokens: 3, completion_tokens: 9 }, choices: [] });
    }),
  );
});

test('each piece of an event stream is told as soon as it is there', () => {
  const bytes = streamOf('Sea', 'Hm', '{}');
  const end = bytes.indexOf('"Sea"') + bytes.subarray(bytes.indexOf('"Sea"')).indexOf('\n\n') + 2;
  const options = { reading, created: 1, malformed: fault, reported: () => fault('reported') };
  expect([...createMessageStream(options).push(bytes.subarray(0, end))].join('')).toMatch('"content":"Sea"');
});

test('a tool without parameters is called with an empty object', () => {
  const start = line({
    type: 'content_block_start',
    index: 0,
    content_block: { type: 'tool_use', id: 't', name: 'now', input: {} },
  });
  const stop = line({ type: 'content_block_stop', index: 0 });
  expect(JSON.stringify(translate(Buffer.from(start + stop), []))).toMatch('"arguments":"{}"');
});

test('the input of the tool that gives the answer is its text', () => {
  const chunks = translate(streamOf('', '', '{"at":1}'), [], { answerTool: 'f' } as never);
  expect(grown(chunks, 'content')).toBe('{"at":1}');
  expect(JSON.stringify(chunks)).toMatch('"finish_reason":"stop"');
});

test('nobody is told of usage who did not ask', () => {
  expect(translate(streamOf('a', '', ''), [], { usage: false }).every(({ usage }) => usage === undefined)).toBe(true);
});
