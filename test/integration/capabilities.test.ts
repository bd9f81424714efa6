import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { childEnvironment, loadConfig, packageRoot, searchPath } from '../../src/config.ts';
import type { JsonObject } from '../../src/core/canonical.ts';
import { type Settings, defaultSettings, parseSettings } from '../../src/core/settings.ts';
import { type Capabilities, createCapabilities } from '../../src/gateway/capabilities.ts';
import { importModel } from '../../src/models/import.ts';
import { createOllamaClient } from '../../src/models/ollama.ts';
import { findExecutable } from '../../src/process/find.ts';
import { freePort } from '../../src/process/ports.ts';
import { startProcess } from '../../src/process/supervise.ts';
import type { Supervised } from '../../src/process/types.ts';
import { createOllamaProvider } from '../../src/providers/ollama.ts';
import { createOpenAiProvider } from '../../src/providers/openai.ts';
import type { Provider } from '../../src/providers/types.ts';
import { type Harness, openHarness } from '../fixtures/gateway-harness.ts';
import { type WireServer, startWireServer, whole } from '../fixtures/wire-server.ts';

const ollama = loadConfig().tools.ollama ?? findExecutable('ollama', searchPath());

const tool = { type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } };
const picture = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } };
const hello = [{ role: 'user', content: 'How do I reset my password?' }];
const { signal } = new AbortController();

interface Place {
  harness: Harness;
  capabilities: Capabilities;
  /** Learns of every model, as the health watch does. */
  learn(): Promise<void>;
}

async function openPlace(providers: Provider[], settings: () => Settings): Promise<Place> {
  const capabilities = createCapabilities({ settings });
  const harness = await openHarness({ providers, gateway: { capabilities } });
  const learn = async (): Promise<void> => {
    for (const provider of providers) await capabilities.learn(provider, await provider.listModels({ signal }), signal);
  };
  return { harness, capabilities, learn };
}

async function refusal(response: Response): Promise<{ status: number; message: string; param: string | null }> {
  const { error } = (await response.json()) as { error: { message: string; param: string | null } };
  return { status: response.status, message: error.message, param: error.param };
}

describe.skipIf(!ollama)('with a real Ollama', () => {
  let folder: string;
  let server: Supervised;
  let hosted: WireServer;
  let place: Place;
  let url: string;
  const settings = parseSettings(
    JSON.stringify({
      models: {
        'hosted/big': { abilities: { tools: true, vision: true, json: true, embeddings: true }, context: 100_000 },
      },
    }),
    'ratchet.json',
  );

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ratchet-capabilities-'));
    url = `http://127.0.0.1:${await freePort()}`;
    server = startProcess({
      command: ollama ?? '',
      args: ['serve'],
      env: childEnvironment({ OLLAMA_HOST: url, OLLAMA_MODELS: join(folder, 'models') }),
      logFile: join(folder, 'log'),
    });
    const client = createOllamaClient(url);
    await vi.waitFor(() => client.list(), { timeout: 120_000, interval: 100 });
    const base = join(packageRoot, 'scripts/litgpt/tiny_base/model');
    await importModel(
      { ollama: client, modelPrefix: 'ratchet-', importsDir: folder },
      { folder: base, name: 'ratchet-tiny' },
    );
    hosted = await startWireServer(['big'], whole('Hello'));
    const providers = [
      createOllamaProvider({ name: 'ollama', baseUrl: url }),
      createOpenAiProvider({ name: 'hosted', baseUrl: hosted.url, apiKey: null, keySetting: 'HOSTED_API_KEY' }),
    ];
    place = await openPlace(providers, () => settings);
  });
  afterAll(async () => {
    await place?.harness.close();
    await hosted?.close();
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const ask = (body: JsonObject) =>
    place.harness.chat({ model: 'ollama/ratchet-tiny', messages: hello, max_tokens: 4, ...body });

  test('what is not known refuses nothing: Ollama itself does', async () => {
    const response = await ask({ tools: [tool] });
    expect(await refusal(response)).toMatchObject({
      status: 400,
      message: expect.stringMatching('does not support tools') as string,
    });
    expect(response.headers.get('x-ratchet-completion-id')).toBeTruthy();
  });

  test.each<[string, JsonObject, string, string]>([
    ['tools', { tools: [tool] }, 'ollama/ratchet-tiny cannot call tools: ask hosted/big, which can.', 'tools'],
    [
      'a picture, which Ollama would leave out without a word',
      { messages: [{ role: 'user', content: [{ type: 'text', text: 'What is it?' }, picture] }] },
      'ollama/ratchet-tiny cannot see pictures: ask hosted/big, which can.',
      'messages',
    ],
    [
      'a prompt that Ollama would cut',
      { messages: [{ role: 'user', content: 'How do I reset my password? '.repeat(400) }] },
      "this model's maximum context length is 512 tokens",
      'messages',
    ],
  ])('refused without asking: %s', async (_what, body, message, param) => {
    await place.learn();
    const response = await ask(body);
    expect(response.headers.get('x-ratchet-completion-id')).toBeNull();
    const refused = await refusal(response);
    expect(refused).toMatchObject({ status: 400, param });
    expect(refused.message).toMatch(message);
  });

  test('what it can do is asked of it', async () => {
    await place.learn();
    expect((await ask({ response_format: { type: 'json_object' } })).status).toBe(200);
    expect((await ask({ stream: true })).status).toBe(200);
    const embedded = await place.harness.post('/v1/embeddings', { model: 'ollama/ratchet-tiny', input: 'password' });
    expect(embedded.status).toBe(200);
    const health = await createOllamaProvider({ name: 'ollama', baseUrl: url }).health({ signal });
    expect(health).toMatchObject({ names: ['ratchet-tiny:latest'], loaded: ['ratchet-tiny:latest'] });
  });

  test('the list of models says what is known, in a field that OpenAI does not have', async () => {
    await place.learn();
    const response = await place.harness.app.request('/v1/models');
    const { data } = (await response.json()) as { data: JsonObject[] };
    expect(data).toContainEqual({
      id: 'ollama/ratchet-tiny:latest',
      object: 'model',
      created: 0,
      owned_by: 'ollama',
      ratchet: {
        provider: 'ollama',
        locality: 'local',
        abilities: { chat: true, stream: true, json: true, tools: false, vision: false },
        context_length: 512,
        size: expect.any(Number) as number,
      },
    });
    expect(data).toContainEqual(
      expect.objectContaining({
        id: 'hosted/big',
        ratchet: expect.objectContaining({ context_length: 100_000 }) as object,
      }),
    );
  });
});

describe('with servers that tell', () => {
  let open: WireServer;
  let plain: WireServer;
  let place: Place;

  beforeAll(async () => {
    open = await startWireServer(['able'], whole('I called it'));
    plain = await startWireServer(['plain'], whole('Hello'));
    const provider = (name: string, { url }: WireServer, list: JsonObject[]): Provider => {
      const own = createOpenAiProvider({ name, baseUrl: url, apiKey: null, keySetting: 'A_KEY' });
      return { ...own, facts: { abilities: { embeddings: false } }, describe: async (model) => factsIn(list, model) };
    };
    place = await openPlace(
      [
        provider('plain', plain, [{ id: 'plain', tools: false }]),
        provider('open', open, [{ id: 'able', tools: true }]),
      ],
      () => defaultSettings,
    );
  });
  afterAll(async () => {
    await place.harness.close();
    await open.close();
    await plain.close();
  });

  function factsIn(list: JsonObject[], model: string) {
    const entry = list.find(({ id }) => id === model);
    return entry ? { abilities: { tools: entry.tools === true } } : null;
  }

  test('embeddings of a kind that makes none are not found', async () => {
    await place.learn();
    const response = await place.harness.post('/v1/embeddings', { model: 'open/able', input: 'a' });
    expect(await refusal(response)).toMatchObject({
      status: 404,
      message: 'open/able makes no embeddings: ask another model; none that is listed is known to do it.',
    });
  });

  test('a call that is refused is nobody’s failure, and asks nobody', async () => {
    await place.learn();
    const before = plain.requests.length;
    const response = await place.harness.chat({ model: 'plain/plain', messages: hello, tools: [tool] });
    expect(await refusal(response)).toMatchObject({
      status: 400,
      message: 'plain/plain cannot call tools: ask open/able, which can.',
    });
    expect(plain.requests.length).toBe(before);
  });
});
