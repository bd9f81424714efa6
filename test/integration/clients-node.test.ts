import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import {
  type AIMessageChunk,
  type BaseMessage,
  HumanMessage,
  SystemMessage,
  ToolMessage,
} from '@langchain/core/messages';
import { tool as langchainTool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { APICallError, Output, generateText, stepCountIs, streamText, tool } from 'ai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type ClientHouse, oneThread, openClientHouse } from '../fixtures/clients/house.ts';

let house: ClientHouse;
beforeAll(async () => {
  house = await openClientHouse();
});
afterAll(() => house.close());

const said = (text: string): string => `You said: ${text} 👋🏽`;
const person = z.object({ name: z.string(), age: z.number() });

describe("LangChain's ChatOpenAI", () => {
  const open = () =>
    new ChatOpenAI({
      model: 'wire/tiny',
      apiKey: 'none',
      maxRetries: 0,
      configuration: { baseURL: house.baseUrl },
    });

  test('a chat that goes on', async () => {
    const history = [new SystemMessage('Be kind.'), new HumanMessage('Hello, LangChain')];
    const first = await open().invoke(history);
    expect(first.content).toBe(said('Hello, LangChain'));
    expect(first.usage_metadata).toMatchObject({ input_tokens: 7, output_tokens: 3 });
    const second = await open().invoke([...history, first, new HumanMessage('And now?')]);
    expect(second.content).toBe(said('And now?'));
    const records = await house.records();
    expect(records.map(({ id }) => id)).toEqual([first.id, second.id]);
    oneThread(records);
  });

  test('a stream, piece by piece', async () => {
    const pieces: string[] = [];
    let usage: unknown;
    for await (const chunk of await open().stream('Streamed, please')) {
      if (chunk.content !== '') pieces.push(String(chunk.content));
      usage = chunk.usage_metadata ?? usage;
    }
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join('')).toBe(said('Streamed, please'));
    expect(usage).toMatchObject({ total_tokens: 10 });
    expect(await house.records()).toMatchObject([{ state: 'complete', stream: true }]);
  });

  test.each([false, true])('a tool, called and answered (streaming: %s)', async (streaming) => {
    const weather = langchainTool(async ({ city }) => `grey in ${city}`, {
      name: 'weather',
      description: 'Looks out of the window.',
      schema: z.object({ city: z.string() }),
    });
    const model = open().bindTools([weather]);
    // Its setting `streaming` would count tokens with a table from the network.
    const ask = async (messages: BaseMessage[]): Promise<AIMessageChunk> => {
      if (!streaming) return model.invoke(messages);
      const chunks: AIMessageChunk[] = [];
      for await (const chunk of await model.stream(messages)) chunks.push(chunk);
      return chunks.reduce((all, chunk) => all.concat(chunk));
    };
    const question = new HumanMessage('What is the weather?');
    const asked = await ask([question]);
    expect(asked.tool_calls).toMatchObject([{ id: 'call_1', name: 'weather', args: { city: 'Köln' } }]);
    const result = await weather.invoke({ city: 'Köln' });
    const reply = new ToolMessage({ content: result, tool_call_id: 'call_1' });
    const end = await ask([question, asked, reply]);
    expect(end.content).toBe('The tool says: grey in Köln');
    const records = await house.records();
    expect(records.map(({ stream }) => stream)).toEqual([streaming, streaming]);
    oneThread(records);
  });

  test('an answer by a schema', async () => {
    const answer = await open().withStructuredOutput(person, { method: 'jsonSchema' }).invoke('Who?');
    expect(answer).toEqual({ name: 'Zoë', age: 7 });
    expect(await house.records()).toHaveLength(1);
  });

  test('errors have their status', async () => {
    for (const status of [400, 404, 429]) {
      await expect(open().invoke(`Please fail with ${status}`)).rejects.toMatchObject({ status });
    }
    await expect(open().invoke('Please fail with 500')).rejects.toMatchObject({ status: 502 });
    const reading = async () => {
      for await (const _ of await open().stream('Please break off'));
    };
    await expect(reading()).rejects.toThrow(/broke/);
    expect((await house.records()).map(({ state }) => state)).toEqual([
      ...Array<string>(4).fill('failed'),
      'interrupted',
    ]);
  });
});

describe('the AI SDK of Vercel', () => {
  const open = () =>
    createOpenAICompatible({
      name: 'ratchet',
      apiKey: 'none',
      baseURL: house.baseUrl,
      includeUsage: true,
      supportsStructuredOutputs: true,
    })('wire/tiny');
  const tools = {
    weather: tool({
      description: 'Looks out of the window.',
      inputSchema: z.object({ city: z.string() }),
      execute: async ({ city }) => `grey in ${city}`,
    }),
  };

  test('a chat that goes on', async () => {
    const question = { role: 'user' as const, content: 'Hello, SDK' };
    const first = await generateText({ model: open(), system: 'Be kind.', messages: [question] });
    expect(first.text).toBe(said('Hello, SDK'));
    expect(first.usage).toMatchObject({ inputTokens: 7, outputTokens: 3 });
    const messages = [question, ...first.response.messages, { role: 'user' as const, content: 'And now?' }];
    const second = await generateText({ model: open(), system: 'Be kind.', messages });
    expect(second.text).toBe(said('And now?'));
    const records = await house.records();
    expect(records.map(({ id }) => id)).toEqual([first.response.id, second.response.id]);
    oneThread(records);
  });

  test('a stream, piece by piece', async () => {
    const result = streamText({ model: open(), prompt: 'Streamed, please' });
    const pieces: string[] = [];
    for await (const piece of result.textStream) pieces.push(piece);
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join('')).toBe(said('Streamed, please'));
    expect(await result.usage).toMatchObject({ totalTokens: 10 });
    expect(await result.finishReason).toBe('stop');
    expect(await house.records()).toMatchObject([{ state: 'complete', stream: true }]);
  });

  test('tools that it runs by itself, whole and streamed', async () => {
    const asked = { tools, prompt: 'What is the weather?', stopWhen: stepCountIs(3) };
    const whole = await generateText({ model: open(), ...asked });
    expect(whole.steps).toHaveLength(2);
    expect(whole.text).toBe('The tool says: grey in Köln');
    oneThread(await house.records());
    const streamed = streamText({ model: open(), ...asked });
    expect(await streamed.text).toBe('The tool says: grey in Köln');
    expect((await streamed.steps)[0]?.toolCalls).toMatchObject([{ toolName: 'weather', input: { city: 'Köln' } }]);
    const records = await house.records();
    expect(records.map(({ stream }) => stream)).toEqual([true, true]);
    oneThread(records);
  });

  test('an answer by a schema', async () => {
    const output = Output.object({ schema: person });
    expect((await generateText({ model: open(), prompt: 'Who?', output })).output).toEqual({ name: 'Zoë', age: 7 });
    const [record] = await house.records();
    expect(record?.envelope.response_format).toMatchObject({ type: 'json_schema' });
  });

  test('errors have their status, and say whether to try again', async () => {
    const fail = async (status: number) =>
      generateText({ model: open(), prompt: `Please fail with ${status}`, maxRetries: 0 }).catch(
        (error: unknown) => error,
      );
    for (const [status, statusCode, isRetryable] of [
      [400, 400, false],
      [404, 404, false],
      [429, 429, true],
      [500, 502, true],
    ] as const) {
      const error = await fail(status);
      expect(APICallError.isInstance(error)).toBe(true);
      expect(error).toMatchObject({ statusCode, isRetryable });
    }
    const broken = streamText({ model: open(), prompt: 'Please break off', onError: () => {} });
    const parts: { type: string }[] = [];
    for await (const part of broken.fullStream) parts.push(part);
    expect(parts.map(({ type }) => type)).toContain('error');
    expect((await house.records()).at(-1)).toMatchObject({ state: 'interrupted' });
  });
});
