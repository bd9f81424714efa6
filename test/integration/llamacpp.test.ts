import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiProcess, startApiProcess } from '../fixtures/api-process.ts';
import { type LlamacppServer, startLlamacpp } from '../fixtures/servers/llamacpp.ts';
import { type RealOllama, startOllama } from '../fixtures/servers/ollama.ts';

const python = process.env.RATCHET_TEST_LLAMACPP ?? '';
const ratchetKey = 'the-key-of-the-gateway';
const serverKey = 'the-key-of-llama.cpp';

// Without a C++ compiler there is no llama.cpp: "npm test" builds it where there is one.
describe.skipIf(python === '')('a real llama.cpp', () => {
  let ollama: RealOllama;
  let server: LlamacppServer;
  let api: ApiProcess;
  let client: OpenAI;

  beforeAll(async () => {
    // Ollama makes a GGUF of the tiny base as it takes it in.
    ollama = await startOllama();
    server = await startLlamacpp({ python, gguf: await ollama.gguf(), alias: 'tiny', context: 256, apiKey: serverKey });
    api = await startApiProcess({
      RATCHET_API_KEY: ratchetKey,
      LLAMACPP_API_BASE: server.url,
      LLAMACPP_API_KEY: serverKey,
    });
    client = new OpenAI({ baseURL: `${api.url}/v1`, apiKey: ratchetKey, maxRetries: 0 });
  });
  afterAll(async () => {
    await api?.remove();
    await server?.close();
    await ollama?.close();
  });

  const ask = (content: string) => ({
    model: 'llamacpp/tiny',
    messages: [{ role: 'user' as const, content }],
    temperature: 0,
    max_tokens: 24,
  });

  async function lastRecord(): Promise<Record<string, unknown>> {
    const response = await api.send('GET', '/api/completions?limit=1', undefined, { key: ratchetKey });
    const { items } = (await response.json()) as { items: Record<string, unknown>[] };
    return items[0] ?? {};
  }

  test('it answers whole and streamed, the same', async () => {
    const whole = await client.chat.completions.create(ask('How do I reset my password?'));
    const said = whole.choices[0]?.message.content ?? '';
    expect(said.length).toBeGreaterThan(10);
    expect(whole.usage?.total_tokens).toBeGreaterThan(20);
    expect(await lastRecord()).toMatchObject({ provider: 'llamacpp', model: 'tiny', state: 'complete' });
    const stream = client.chat.completions.stream(ask('How do I reset my password?'));
    expect(await stream.finalContent()).toBe(said);
    expect(await lastRecord()).toMatchObject({ provider: 'llamacpp', state: 'complete', stream: true });
  });

  test('several at once are all answered', async () => {
    const questions = Array.from({ length: 4 }, (_, at) => ask(`How do I reset my password ${at}?`));
    const alone: (string | null)[] = [];
    for (const question of questions) alone.push(await client.chat.completions.stream(question).finalContent());
    const together = await Promise.all(questions.map((one) => client.chat.completions.stream(one).finalContent()));
    expect(together).toEqual(alone);
  });

  test('an answer keeps to a schema', async () => {
    const schema = { type: 'object', properties: { known: { type: 'boolean' } }, required: ['known'] };
    const answer = await client.chat.completions.create({
      ...ask('Do you know my password?'),
      // Its own way to say it: it does not know `json_schema`.
      response_format: { type: 'json_object', schema } as { type: 'json_object' },
    });
    expect(JSON.parse(answer.choices[0]?.message.content ?? '')).toEqual({ known: expect.any(Boolean) as boolean });
  });

  test('its models are listed, and a bare name finds them', async () => {
    const models: string[] = [];
    for await (const { id } of client.models.list()) models.push(id);
    expect(models).toContain('llamacpp/tiny');
    const answer = await client.chat.completions.create({ ...ask('Hi'), model: 'tiny' });
    expect(answer.choices).toHaveLength(1);
    expect(await lastRecord()).toMatchObject({ provider: 'llamacpp', model: 'tiny' });
  });

  test('a prompt that is too long is refused in its words', async () => {
    const asking = client.chat.completions.create(ask('password '.repeat(1_000)));
    await expect(asking).rejects.toMatchObject({
      status: 400,
      message: expect.stringMatching(/context/) as string,
    });
    expect(await lastRecord()).toMatchObject({ provider: 'llamacpp', state: 'failed' });
  });

  test('a key that it refuses is named with its fix', async () => {
    const other = await startApiProcess({
      RATCHET_API_KEY: ratchetKey,
      LLAMACPP_API_BASE: server.url,
      LLAMACPP_API_KEY: 'wrong',
    });
    try {
      const response = await other.send('POST', '/v1/chat/completions', ask('Hi'), { key: ratchetKey });
      const { error } = (await response.json()) as { error: { message: string } };
      expect(error.message).toMatch(/llamacpp refused the API key \(status 401\): set LLAMACPP_API_KEY/);
    } finally {
      await other.remove();
    }
  });
});
