import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readBody } from '../../src/providers/body.ts';
import { openAiKinds, providerUnderTest } from '../fixtures/under-test.ts';
import { type WireServer, sendJson, startWireServer } from '../fixtures/wire-server.ts';

const embedded = {
  object: 'list',
  data: [{ object: 'embedding', index: 0, embedding: [0.25, -1.5e-7] }],
  model: 'tiny',
};
const question = '{"model":"tiny","input":["a","b"],"dimensions":2}';

/** What the conversations do not do: texts to numbers, and the list of models. */
describe.each(openAiKinds())('%s', (kind) => {
  let wire: WireServer;
  beforeAll(async () => {
    wire = await startWireServer(['tiny', 'small']);
  });
  beforeEach(() => wire.answerWith((_request, response) => sendJson(response, embedded)));
  afterAll(() => wire.close());

  test('embeds texts: bytes, path and key are those of its wire format', async () => {
    const provider = providerUnderTest(kind, wire.url);
    const signal = AbortSignal.timeout(30_000);
    const answer = await provider.call('embeddings', question, { signal, model: 'tiny' });
    expect(JSON.parse(await readBody(answer.body, 10_000))).toEqual(embedded);
    const request = wire.requests.at(-1);
    expect(request).toMatchObject({ path: '/v1/embeddings', text: question });
    expect(request?.headers.authorization).toBe('Bearer a-key-of-a-test');
  });

  // Ollama lists through a route of its own: gateway-ollama.test.ts asks a real one.
  if (kind === 'ollama') return;
  test('lists its models, and is green', async () => {
    const provider = providerUnderTest(kind, wire.url);
    const signal = AbortSignal.timeout(30_000);
    expect(await provider.listModels({ signal })).toEqual(['tiny', 'small']);
    expect(await provider.health({ signal })).toMatchObject({ state: 'green', models: 2 });
  });
});

test('azure embeds texts at the deployment that the model names', async () => {
  const wire = await startWireServer([], (_request, response) => sendJson(response, embedded));
  try {
    const provider = providerUnderTest('azure', wire.url.replace(/\/v1$/, ''));
    const signal = AbortSignal.timeout(30_000);
    const answer = await provider.call('embeddings', question, { signal, model: 'tiny' });
    expect(JSON.parse(await readBody(answer.body, 10_000))).toEqual(embedded);
    expect(wire.requests[0]?.path).toMatch(/^\/openai\/deployments\/tiny\/embeddings\?api-version=/);
    expect(wire.requests[0]?.headers['api-key']).toBe('a-key-of-a-test');
  } finally {
    await wire.close();
  }
});
