import OpenAI, { AzureOpenAI } from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { azure } from '../../src/providers/kinds/azure.ts';
import type { Provider } from '../../src/providers/types.ts';
import { runConversations } from '../fixtures/conversations/suite.ts';
import { type Harness, openHarness } from '../fixtures/gateway-harness.ts';
import { type WireServer, fails, startWireServer, whole } from '../fixtures/wire-server.ts';
import { providerOf } from '../fixtures/wires/instance.ts';

const key = { AZURE_API_KEY: '0123456789abcdef' };
const rootOf = (url: string): string => url.replace(/\/v1$/, '');
const ofModels = { models: new Map([['azure/my gpt', { facts: { abilities: {} } }]]) };

/** The provider `azure` at a server, in the set-up of a team. */
function azureAt(baseUrl: string, variables: Record<string, string> = {}): Provider {
  const all = { ...key, ...variables };
  return providerOf({ definition: azure, name: 'azure', baseUrl, variables: all, settings: ofModels });
}

runConversations({
  kind: 'azure',
  create: (url) => providerOf({ definition: azure, baseUrl: rootOf(url), variables: key }),
});
runConversations({
  kind: 'azure, version 1',
  create: (url) => providerOf({ definition: azure, baseUrl: `${rootOf(url)}/openai/v1`, variables: key }),
});

describe('where and how it is asked', () => {
  let wire: WireServer;
  beforeAll(async () => {
    wire = await startWireServer([]);
  });
  beforeEach(() => {
    wire.requests.length = 0;
    wire.answerWith(whole('Hello'));
  });
  afterAll(() => wire.close());

  const dated = '/openai/deployments/my%20gpt/chat/completions?api-version=';
  test.each([
    ['', {}, `${dated}2024-10-21`, false],
    ['/', {}, `${dated}2024-10-21`, false],
    ['/openai', { AZURE_API_VERSION: '2024-02-15-preview' }, `${dated}2024-02-15-preview`, false],
    ['/openai/deployments', { OPENAI_API_VERSION: '2025-01-01-preview' }, `${dated}2025-01-01-preview`, true],
    ['', { OPENAI_API_VERSION: '2023-05-15', AZURE_API_VERSION: '2024-06-01' }, `${dated}2024-06-01`, false],
    ['/openai/v1', { AZURE_API_VERSION: '2024-02-15-preview' }, '/openai/v1/chat/completions', true],
    ['/openai/v1/', { AZURE_API_VERSION: 'preview' }, '/openai/v1/chat/completions?api-version=preview', true],
  ])('at %s with %j', async (path, variables, asked, newLimit) => {
    const provider = azureAt(rootOf(wire.url) + path, variables);
    const body = '{"model":"my gpt","messages":[]}';
    await provider.call('chat/completions', body, { model: 'my gpt', signal: AbortSignal.timeout(60_000) });
    expect(wire.requests[0]).toMatchObject({ path: asked, text: body, headers: { 'api-key': key.AZURE_API_KEY } });
    expect(wire.requests[0]?.headers.authorization).toBeUndefined();
    expect(provider.limitField).toBe(newLimit ? 'max_completion_tokens' : undefined);
  });

  test('versions that do not tell the usage of a stream are not asked for it', () => {
    const reports = (version: string): boolean =>
      azureAt(rootOf(wire.url), { AZURE_API_VERSION: version }).reportsUsage;
    expect(['2024-02-15-preview', '2024-06-01', '2024-09-01-preview', '2024-10-21'].map(reports)).toEqual([
      false,
      false,
      true,
      true,
    ]);
  });

  test('its deployments are those that the settings name', async () => {
    const signal = AbortSignal.timeout(60_000);
    const provider = azureAt(rootOf(wire.url));
    expect(await provider.listModels({ signal })).toEqual(['my gpt']);
    expect(await provider.health({ signal })).toMatchObject({ state: 'green', names: ['my gpt'] });
    const unnamed = providerOf({ definition: azure, name: 'azure', baseUrl: rootOf(wire.url), variables: key });
    expect(await unnamed.health({ signal })).toMatchObject({
      state: 'yellow',
      reason:
        'It answers, but a key cannot list deployments: name yours in models of ratchet.json, as "azure/my-deployment": {}.',
    });
  });

  test('without a key nothing is sent', async () => {
    const provider = providerOf({ definition: azure, name: 'azure', baseUrl: rootOf(wire.url) });
    const call = provider.call('chat/completions', '{}', { model: 'x', signal: AbortSignal.timeout(60_000) });
    await expect(call).rejects.toThrow(
      'azure needs an API key: set AZURE_API_KEY, or run "ratchet provider-key set azure".',
    );
    expect(wire.requests).toEqual([]);
  });
});

describe("npm openai through the gateway, as before at Azure's", () => {
  let wire: WireServer;
  let harness: Harness;
  let client: OpenAI;
  beforeAll(async () => {
    wire = await startWireServer([]);
    harness = await openHarness({ providers: [azureAt(rootOf(wire.url))] });
    client = new OpenAI({ baseURL: `${await harness.serve()}/v1`, apiKey: 'none', maxRetries: 0 });
  });
  afterAll(async () => {
    await harness.close();
    await wire.close();
  });

  test('asks for the same path and with the same header as its own client of Azure', async () => {
    const asked = { model: 'my gpt', messages: [{ role: 'user' as const, content: 'Hi' }] };
    const theirs = new AzureOpenAI({
      endpoint: rootOf(wire.url),
      apiKey: key.AZURE_API_KEY,
      apiVersion: '2024-10-21',
      maxRetries: 0,
    });
    await theirs.chat.completions.create(asked);
    const answer = await client.chat.completions.create({ ...asked, model: 'azure/my gpt' });
    expect(answer.choices[0]?.message.content).toBe('Hello');
    const [there, here] = wire.requests;
    expect(here?.path).toBe(there?.path);
    expect(here?.body).toEqual(there?.body);
    expect(here?.headers['api-key']).toBe(there?.headers['api-key']);
  });

  test('a deployment that is not there', async () => {
    const message = 'The API deployment for this resource does not exist.';
    wire.answerWith(fails(404, { error: { code: 'DeploymentNotFound', message } }));
    const call = client.chat.completions.create({ model: 'azure/none', messages: [{ role: 'user', content: 'Hi' }] });
    await expect(call).rejects.toMatchObject({
      status: 404,
      message: expect.stringMatching('use the name of a deployment of your resource') as string,
    });
  });

  test('what the filter says is kept', async () => {
    const filtered = { hate: { filtered: false, severity: 'safe' } };
    wire.answerWith(whole('Hello', { prompt_filter_results: [{ prompt_index: 0, content_filter_results: filtered }] }));
    const call = client.chat.completions.create({ model: 'azure/my gpt', messages: [{ role: 'user', content: 'Hi' }] });
    const { data, response } = await call.withResponse();
    expect(data).toHaveProperty(['prompt_filter_results', 0, 'content_filter_results'], filtered);
    expect((await harness.recordOf(response)).response).toHaveProperty('prompt_filter_results');
  });
});
