import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/core/canonical.ts';
import { defaultSettings } from '../../src/core/settings.ts';
import { createPolicy } from '../../src/gateway/policy.ts';
import { createResolver } from '../../src/gateway/resolve.ts';
import { anthropic } from '../../src/providers/kinds/anthropic.ts';
import { createRegistry } from '../../src/providers/registry.ts';
import { type Harness, dataLines, openHarness, wireProvider } from '../fixtures/gateway-harness.ts';
import { type WireHandler, type WireServer, fails, sendJson, startWireServer } from '../fixtures/wire-server.ts';
import { anthropicAt, anthropicSpeaker } from '../fixtures/wires/anthropic.ts';
import { providerOf } from '../fixtures/wires/instance.ts';

const { model } = anthropicSpeaker;
const overloaded = anthropicSpeaker.broken.find(({ name }) => name === 'overloaded at its start')?.text ?? '';
const streams =
  (text: string): WireHandler =>
  (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(text);
  };

describe('as long as nothing was said, the next in line is asked', () => {
  let first: WireServer;
  let second: WireServer;
  let harness: Harness;
  beforeAll(async () => {
    [first, second] = [await startWireServer(), await startWireServer()];
    const providers = [anthropicAt(first.url, 'anthropic'), wireProvider(second.url, 'spare')];
    const resolver = createResolver({ registry: createRegistry(providers), selection: () => null });
    const route = { model: `anthropic/${model}`, fallback: ['spare/tiny'], egress: 'deny' as const };
    const settings = {
      ...defaultSettings,
      routes: new Map([['safe', route]]),
      routing: { ...defaultSettings.routing, retries: 0 },
    };
    harness = await openHarness({
      providers,
      gateway: { policy: createPolicy({ settings: () => settings, resolver }) },
    });
  });
  afterAll(async () => {
    await harness.close();
    await first.close();
    await second.close();
  });

  test.each<[string, WireHandler, string]>([
    ['a stream that begins with an error', streams(overloaded), 'ProviderUnavailable'],
    ['a stream that ends at once', streams(''), 'ProviderUnavailable'],
    [
      'a limit',
      fails(429, { type: 'error', error: { type: 'rate_limit_error', message: 'Slow down' } }),
      'RateLimited',
    ],
    [
      'too much to do',
      fails(529, { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }),
      'ProviderUnavailable',
    ],
  ])('%s', async (name, handler, code) => {
    first.answerWith(handler);
    const body: JsonObject = { model: 'safe', stream: true, messages: [{ role: 'user', content: name }] };
    const response = await harness.chat(body);
    expect((await dataLines(response)).at(-1)).toBe('[DONE]');
    expect(response.headers.get('x-ratchet-provider')).toBe('spare');
    expect(response.headers.get('x-ratchet-attempts')).toBe(`anthropic/${model}=${code}`);
    expect(await harness.recordOf(response)).toMatchObject({ state: 'complete', provider: 'spare' });
  });
});

describe('what it tells of itself', () => {
  const { signal } = new AbortController();
  const capabilities = { image_input: { supported: true }, structured_outputs: { supported: true } };
  const described = { id: model, type: 'model', max_input_tokens: 200_000, max_tokens: 64_000, capabilities };
  let wire: WireServer;
  beforeAll(async () => {
    wire = await startWireServer([model]);
  });
  afterAll(() => wire.close());

  test.each(['', '/', '/v1', '/v1/messages'])('its models and health, at %j', async (path) => {
    const provider = anthropicAt(wire.url.replace(/\/v1$/, path));
    expect(await provider.listModels({ signal })).toEqual([model]);
    expect(await provider.health({ signal })).toMatchObject({ state: 'green', models: 1, names: [model] });
  });

  test('what one model can do', async () => {
    const asked: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url, String(request.headers['x-api-key']));
      sendJson(response, described);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const facts = await anthropicAt(`http://127.0.0.1:${port}`).describe?.(model, { signal });
    server.closeAllConnections();
    server.close();
    expect(facts).toEqual({ abilities: { vision: true }, context: 200_000 });
    expect(asked).toEqual([`/v1/models/${model}`, 'sk-ant-test-0123456789']);
  });

  test('without a key it says what to do, and asks nobody', async () => {
    const provider = providerOf({ definition: anthropic, name: 'anthropic', baseUrl: wire.url });
    const hint = 'set ANTHROPIC_API_KEY, or run "ratchet provider-key set anthropic"';
    expect(await provider.health({ signal })).toEqual({ state: 'yellow', reason: `No API key: ${hint}.` });
    expect(await provider.listModels({ signal })).toEqual([]);
    expect(await provider.describe?.(model, { signal })).toBeNull();
    const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Hi' }] });
    const call = provider.call('chat/completions', body, { model, signal });
    await expect(call).rejects.toThrow(`anthropic needs an API key: ${hint}.`);
  });

  test('a key that is refused, and a server that is something else', async () => {
    const refused = await startWireServer(
      [],
      fails(401, { type: 'error', error: { type: 'authentication_error', message: 'invalid x-api-key' } }),
    );
    const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Hi' }] });
    const call = (): Promise<unknown> =>
      anthropicAt(refused.url, 'anthropic').call('chat/completions', body, { model, signal });
    await expect(call()).rejects.toThrow('anthropic refused the API key (status 401): set ANTHROPIC_API_KEY');
    refused.answerWith((_request, response) => sendJson(response, { choices: [] }));
    await expect(call()).rejects.toThrow("answered without content: check that it speaks Anthropic's Messages API.");
    await refused.close();
  });
});
