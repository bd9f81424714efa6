import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { Output, generateText, stepCountIs, streamText, tool } from 'ai';
import OpenAI from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type JsonObject, isObject } from '../../src/core/canonical.ts';
import { type Harness, openHarness } from '../fixtures/gateway-harness.ts';
import { messagesRequest } from '../fixtures/wires/anthropic-schema.ts';
import { anthropicAt, anthropicSpeaker } from '../fixtures/wires/anthropic.ts';
import type { Said } from '../fixtures/wires/said.ts';
import { type WireHandler, type WireServer, fails, startWireServer } from '../fixtures/wire-server.ts';

const { model } = anthropicSpeaker;
const nothing: Said = {
  text: '',
  thought: '',
  calls: [],
  finish: 'stop',
  promptTokens: 30,
  completionTokens: 9,
  cachedTokens: 8,
};
const weather = { id: 'toolu_01', name: 'weather', args: '{"city":"Köln"}' };

/** Calls the tool that it is given until it has a result, and says that then. */
const speak: WireHandler = ({ body }, response) => {
  const { messages, tools, output_config: config } = messagesRequest.parse(body);
  const result = messages.at(-1)?.content.find(({ type }) => type === 'tool_result');
  const form = config?.format ? '{"name":"Zoë","age":7}' : 'Hello 👋🏽';
  const said: Said =
    tools && !result
      ? { ...nothing, thought: 'I should look.', calls: [weather] }
      : { ...nothing, text: result ? `The tool says: ${JSON.stringify(result)}` : form };
  if (body.stream !== true) {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(anthropicSpeaker.whole(said));
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const event of anthropicSpeaker.events(said)) response.write(event);
  response.end();
};

let wire: WireServer;
let harness: Harness;
let baseURL: string;
let client: OpenAI;

beforeAll(async () => {
  wire = await startWireServer([model], speak);
  harness = await openHarness({ providers: [anthropicAt(wire.url, 'anthropic')] });
  baseURL = `${await harness.serve()}/v1`;
  client = new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 });
});
beforeEach(() => {
  wire.requests.length = 0;
  wire.answerWith(speak);
});
afterAll(async () => {
  await harness.close();
  await wire.close();
});

const named = `anthropic/${model}`;
const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'What is the weather?' }];
const tools: OpenAI.ChatCompletionTool[] = [
  {
    type: 'function',
    function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
  },
];

/** Its helper keeps the last piece of a field that it does not know; blocks of thoughts come whole. */
const thought = (streams: boolean): unknown => (streams ? expect.any(String) : 'I should look.');

function blocksOf(request: JsonObject | undefined, at: number): JsonObject[] {
  const turn = Array.isArray(request?.messages) ? request.messages.at(at) : undefined;
  return isObject(turn) && Array.isArray(turn.content) ? turn.content.filter(isObject) : [];
}

describe('npm openai', () => {
  test('a whole answer, with what it cost', async () => {
    const answer = await client.chat.completions.create({ model: named, messages });
    expect(answer.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: 'Hello 👋🏽' } });
    expect(answer.usage).toMatchObject({
      prompt_tokens: 30,
      completion_tokens: 9,
      prompt_tokens_details: { cached_tokens: 8 },
    });
    expect(wire.requests[0]?.headers).toMatchObject({
      'x-api-key': 'sk-ant-test-0123456789',
      'anthropic-version': '2023-06-01',
    });
    expect(wire.requests[0]?.headers.authorization).toBeUndefined();
  });

  test('a stream, with its usage', async () => {
    const stream = client.chat.completions.stream({ model: named, messages, stream_options: { include_usage: true } });
    const final = await stream.finalChatCompletion();
    expect(final.choices[0]?.message.content).toBe('Hello 👋🏽');
    expect(final.usage).toMatchObject({ prompt_tokens: 30, completion_tokens: 9 });
    expect(await harness.store.chats.get(final.id)).toMatchObject({ state: 'complete', promptTokens: 30, model });
  });

  test.each([false, true])(
    'a tool, called and answered; its thoughts go back as they were signed (streamed: %s)',
    async (streams) => {
      const ask = (history: OpenAI.ChatCompletionMessageParam[]): Promise<OpenAI.ChatCompletion> => {
        const request = { model: named, messages: history, tools, reasoning_effort: 'low' as const };
        return streams
          ? client.chat.completions.stream(request).finalChatCompletion()
          : client.chat.completions.create(request);
      };
      const asked = await ask(messages);
      const [choice] = asked.choices;
      expect(choice).toMatchObject({ finish_reason: 'tool_calls', message: { reasoning_content: thought(streams) } });
      expect(choice?.message.tool_calls).toMatchObject([{ id: 'toolu_01', function: { arguments: weather.args } }]);
      if (!choice) throw new Error('no choice');
      const end = await ask([...messages, choice.message, { role: 'tool', tool_call_id: 'toolu_01', content: 'grey' }]);
      expect(end.choices[0]?.message.content).toMatch('grey');
      const [, second] = wire.requests;
      expect(second?.body.thinking).toEqual({ type: 'enabled', budget_tokens: 1_024 });
      expect(blocksOf(second?.body, 1)).toEqual([
        { type: 'thinking', thinking: 'I should look.', signature: 'c2lnbmVk' },
        { type: 'tool_use', id: 'toolu_01', name: 'weather', input: { city: 'Köln' } },
      ]);
    },
  );

  test('what it limits, and for how long', async () => {
    const body = {
      type: 'error',
      error: { type: 'rate_limit_error', message: 'Number of tokens has exceeded your limit' },
    };
    wire.answerWith(fails(429, body, { 'retry-after': '21' }));
    const limited = await client.chat.completions.create({ model: named, messages }).catch((error: unknown) => error);
    expect(limited).toBeInstanceOf(OpenAI.RateLimitError);
    expect((limited as InstanceType<typeof OpenAI.RateLimitError>).headers?.get('retry-after')).toBe('21');
  });

  test('what it has not is refused with who has', async () => {
    const embedding = client.embeddings.create({ model: named, input: 'x' });
    await expect(embedding).rejects.toMatchObject({
      status: 400,
      message: expect.stringMatching('ollama/nomic-embed-text') as string,
    });
    const completion = client.completions.create({ model: named, prompt: 'x' });
    await expect(completion).rejects.toMatchObject({
      status: 400,
      message: expect.stringMatching('/v1/chat/completions') as string,
    });
    expect(wire.requests).toEqual([]);
  });

  test('its models', async () => {
    const ids: string[] = [];
    for await (const { id } of client.models.list()) ids.push(id);
    expect(ids).toContain(named);
  });

  test('a Response', async () => {
    const answer = await client.responses.create({ model: named, instructions: 'Be brief.', input: 'Hi' });
    expect(answer.output_text).toBe('Hello 👋🏽');
    expect(wire.requests[0]?.body.system).toEqual([{ type: 'text', text: 'Be brief.' }]);
  });
});

describe('AI SDK', () => {
  const open = () => createOpenAICompatible({ name: 'ratchet', baseURL, supportsStructuredOutputs: true })(named);

  test('a stream', async () => {
    const pieces: string[] = [];
    for await (const piece of streamText({ model: open(), prompt: 'Hi', maxRetries: 0 }).textStream) pieces.push(piece);
    expect(pieces.join('')).toBe('Hello 👋🏽');
  });

  test('a tool, called and answered', async () => {
    const look = tool({ inputSchema: z.object({ city: z.string() }), execute: async ({ city }) => `grey in ${city}` });
    const { text } = await generateText({
      model: open(),
      prompt: 'What is the weather?',
      tools: { weather: look },
      stopWhen: stepCountIs(3),
      maxRetries: 0,
    });
    expect(text).toMatch('grey in Köln');
  });

  test('an object by a schema', async () => {
    const schema = z.object({ name: z.string(), age: z.number() });
    const { output } = await generateText({
      model: open(),
      prompt: 'Who?',
      output: Output.object({ schema }),
      maxRetries: 0,
    });
    expect(output).toEqual({ name: 'Zoë', age: 7 });
    expect(wire.requests[0]?.body.output_config).toMatchObject({ format: { type: 'json_schema' } });
  });
});
