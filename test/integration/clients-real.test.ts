import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { HumanMessage } from '@langchain/core/messages';
import { ChatOpenAI } from '@langchain/openai';
import { generateText, streamText } from 'ai';
import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { loadConfig, searchPath } from '../../src/config.ts';
import type { CompletionRecord } from '../../src/store/types.ts';
import { allRecords, oneThread } from '../fixtures/clients/house.ts';
import { type RealModel, startRealModel } from '../fixtures/clients/real-model.ts';
import { runPythonClient } from '../fixtures/clients/run-python.ts';
import { findExecutable } from '../../src/process/find.ts';

const question = 'How do I reset my password?';
const next = 'And now?';

let real: RealModel;
let before = 0;
beforeAll(async () => {
  const ollama = loadConfig().tools.ollama ?? findExecutable('ollama', searchPath());
  if (!ollama) throw new Error('Run "npm test": it sets RATCHET_OLLAMA.');
  real = await startRealModel(ollama);
});
afterAll(() => real?.close());

let records: CompletionRecord[] = [];
const newRecords = async (): Promise<CompletionRecord[]> => (await allRecords(real.harness)).items.slice(before);
beforeEach(async () => {
  before = (await allRecords(real.harness)).items.length;
});
afterEach(async () => {
  // Whoever asked: two calls, the second with the history, are two records of one conversation, said by the real model.
  records = await newRecords();
  expect(records).toMatchObject([
    { state: 'complete', provider: 'ollama', messages: [{ role: 'user' }] },
    { state: 'complete', provider: 'ollama', messages: [{ role: 'user' }, { role: 'assistant' }, { role: 'user' }] },
  ]);
  oneThread(records);
  for (const { completionTokens } of records) expect(completionTokens).toBeGreaterThan(0);
});

/** What the two records have as answers has to be what the client got. */
async function expectRecorded(first: string, second: string): Promise<void> {
  expect(first).not.toBe('');
  const said = (await newRecords()).map(({ choices }) => choices[0]?.message.content);
  expect(said).toEqual([first, second]);
}

test('npm openai', async () => {
  const client = new OpenAI({ baseURL: real.baseUrl, apiKey: 'none', maxRetries: 0 });
  const asked = { role: 'user' as const, content: question };
  const whole = await client.chat.completions.create({ model: real.model, messages: [asked], temperature: 0 });
  const first = whole.choices[0]?.message.content ?? '';
  const messages = [asked, { role: 'assistant' as const, content: first }, { role: 'user' as const, content: next }];
  const stream = client.chat.completions.stream({ model: real.model, messages, temperature: 0 });
  await expectRecorded(first, (await stream.finalContent()) ?? '');
});

test("LangChain's ChatOpenAI", async () => {
  const client = new ChatOpenAI({
    model: real.model,
    apiKey: 'none',
    temperature: 0,
    maxRetries: 0,
    configuration: { baseURL: real.baseUrl },
  });
  const asked = new HumanMessage(question);
  const first = await client.invoke([asked]);
  let second = '';
  for await (const chunk of await client.stream([asked, first, new HumanMessage(next)]))
    second += String(chunk.content);
  await expectRecorded(String(first.content), second);
});

test('the AI SDK of Vercel', async () => {
  const model = createOpenAICompatible({ name: 'ratchet', apiKey: 'none', baseURL: real.baseUrl })(real.model);
  const asked = { role: 'user' as const, content: question };
  const first = await generateText({ model, messages: [asked], temperature: 0 });
  const messages = [asked, ...first.response.messages, { role: 'user' as const, content: next }];
  await expectRecorded(first.text, await streamText({ model, messages, temperature: 0 }).text);
});

test('LiteLLM', async () => {
  const saw = await runPythonClient('litellm_client.py', [real.baseUrl, real.model, question]);
  await expectRecorded(String(saw.content), String(saw.streamed));
});

test('DSPy', async () => {
  const saw = await runPythonClient('dspy_client.py', [real.baseUrl, real.model, 'auto', question]);
  const [first, second] = saw.turns as string[];
  await expectRecorded(first ?? '', second ?? '');
});
