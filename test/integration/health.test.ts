import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/core/canonical.ts';
import { type ApiProcess, startApiProcess } from '../fixtures/api-process.ts';
import { type ListingServer, startListingServer } from '../fixtures/listing-server.ts';

interface ProviderView {
  name: string;
  state: string;
  reason: string;
  set_up: string;
  since: string;
  checked_at: string;
  model_list: {
    name: string;
    state: string;
    reason: string | null;
    installed: boolean;
    failures: number;
    abilities: JsonObject;
    context_length: number | null;
  }[];
}

interface HealthView {
  state: string;
  parts: Record<string, { state: string; reason: string; since: string | null }>;
}

const tool = { type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } };
const hello = [{ role: 'user', content: 'Hello' }];

let near: ListingServer;
let able: ListingServer;
let api: ApiProcess;
let settings: JsonObject;

beforeAll(async () => {
  near = await startListingServer([{ id: 'plain', context_length: 100, supported_parameters: ['temperature'] }]);
  able = await startListingServer([{ id: 'big', context_length: 100_000, supported_parameters: ['tools'] }], {
    text: 'I looked',
  });
  const providers = {
    near: { kind: 'openai', base_url: near.url },
    able: { kind: 'openai', base_url: able.url },
    ollama: { enabled: false },
  };
  const routes = { work: { model: 'near/plain', fallback: ['able/big'] } };
  settings = { providers, routes };
  api = await startApiProcess({}, settings);
});
afterAll(async () => {
  await api?.remove();
  await Promise.all([near?.close(), able?.close()]);
});

async function providerViews(query = ''): Promise<Map<string, ProviderView>> {
  const { items } = (await (await api.send('GET', `/api/providers${query}`)).json()) as { items: ProviderView[] };
  return new Map(items.map((item) => [item.name, item]));
}

async function healthView(query = ''): Promise<HealthView> {
  return (await (await api.send('GET', `/api/health${query}`)).json()) as HealthView;
}

const chat = (body: JsonObject): Promise<Response> =>
  api.send('POST', '/v1/chat/completions', { messages: hello, ...body });

describe('what a running gateway knows', () => {
  test('it has looked by itself, and shows what models can do', async () => {
    await vi.waitFor(async () => {
      const views = await providerViews();
      expect(views.get('near')).toMatchObject({
        state: 'green',
        set_up: 'given',
        model_list: [
          { name: 'plain', state: 'green', installed: true, abilities: { tools: false }, context_length: 100 },
        ],
      });
      expect(views.get('able')?.model_list).toMatchObject([{ name: 'big', abilities: { tools: true } }]);
    }, 60_000);
  });

  test('a call that one model of the route cannot serve goes to the next, without asking it', async () => {
    const before = near.asked.filter((line) => line.startsWith('POST')).length;
    const response = await chat({ model: 'work', tools: [tool] });
    expect(response.status).toBe(200);
    expect(await response.text()).toMatch('I looked');
    expect(near.asked.filter((line) => line.startsWith('POST')).length).toBe(before);
    expect((await chat({ model: 'work' })).headers.get('x-ratchet-provider')).toBe('near');
  });

  test('asked of that model alone, it is refused with who can', async () => {
    const response = await chat({ model: 'near/plain', tools: [tool] });
    expect(response.status).toBe(400);
    expect(await response.text()).toMatch('near/plain cannot call tools: ask able/big, which can.');
  });

  test('settings that know better are in force at once', async () => {
    await api.settings({ ...settings, models: { 'near/plain': { abilities: { tools: true } } } });
    await vi.waitFor(async () => expect((await chat({ model: 'near/plain', tools: [tool] })).status).toBe(200), 60_000);
  });

  test('/v1/models says what each can do, and OpenAI’s clients pass it over', async () => {
    const { data } = (await (await api.send('GET', '/v1/models')).json()) as {
      data: { id: string; ratchet?: JsonObject }[];
    };
    expect(data.find(({ id }) => id === 'able/big')?.ratchet).toMatchObject({
      provider: 'able',
      locality: 'local',
      context_length: 100_000,
    });
  });
});

describe('how things are', () => {
  test('memory answers without asking anybody; ?fresh=1 looks now', async () => {
    let lookedAt: string | undefined;
    let view: ProviderView | undefined;
    let asked = 0;
    // It looks by itself every half minute, which may be just now, but not twice in a row.
    do {
      near.be([{ id: 'plain' }]);
      await providerViews('?fresh=1');
      lookedAt = (await providerViews()).get('near')?.checked_at;
      asked = near.asked.length;
      near.be({ status: 500, body: { error: { message: 'out of order' } } });
      for (let at = 0; at < 5; at += 1) await healthView();
      view = (await providerViews()).get('near');
    } while (view?.checked_at !== lookedAt);
    expect(view?.state).toBe('green');
    expect(near.asked.length).toBe(asked);
    await providerViews('?fresh=1');
    const { parts } = await healthView();
    expect(parts.providers).toMatchObject({
      state: 'yellow',
      reason: expect.stringMatching(/^Not ready: near: near answered with status 500/) as string,
    });
    view = (await providerViews()).get('near');
    expect(view).toMatchObject({ state: 'red' });
    expect(Date.parse(view?.since ?? '')).toBeLessThanOrEqual(Date.parse(view?.checked_at ?? ''));
    near.be([{ id: 'plain' }]);
    expect((await providerViews('?fresh=1')).get('near')?.state).toBe('green');
  });

  test('a route that names a model which is not there says so, and how it is got', async () => {
    near.be([{ id: 'other' }]);
    const view = (await providerViews('?fresh=1')).get('near');
    expect(view).toMatchObject({
      state: 'yellow',
      reason: expect.stringMatching('the route "work" names it, and near does not have it') as string,
    });
    expect(view?.model_list).toContainEqual(expect.objectContaining({ name: 'plain', installed: false, state: 'red' }));
    near.be([{ id: 'plain' }]);
    await providerViews('?fresh=1');
  });

  test('who is not set up says what to do and is never asked; who is not at the usual place is not missed', async () => {
    const views = await providerViews();
    expect(views.get('groq')).toMatchObject({
      set_up: 'missing',
      state: 'yellow',
      reason: expect.stringMatching('GROQ_API_KEY') as string,
    });
    const { parts } = await healthView();
    expect(parts.providers?.reason).not.toMatch('groq');
  });

  test('a model whose calls fail is left alone, and the look that succeeds does not hide it', async () => {
    near.be({ status: 503, body: { error: { message: 'overloaded' } }, method: 'POST' });
    await vi.waitFor(async () => {
      expect((await chat({ model: 'near/plain' })).status).toBeGreaterThanOrEqual(500);
      const view = (await providerViews()).get('near');
      expect(view).toMatchObject({
        state: 'yellow',
        reason: expect.stringMatching('^plain: it failed too often') as string,
      });
      expect(view?.model_list).toMatchObject([{ name: 'plain', state: 'red', installed: true, breaker: 'open' }]);
    }, 60_000);
    near.be([{ id: 'plain' }]);
  });

  test('a provider that stops answering calls is seen by the next look, and the metric says so', async () => {
    const metric = async (): Promise<string> => (await api.send('GET', '/metrics')).text();
    expect(await metric()).toMatch('ratchet_provider_up{provider="able"} 1');
    await able.close();
    await providerViews('?fresh=1');
    expect(await metric()).toMatch('ratchet_provider_up{provider="able"} 0');
    expect((await providerViews()).get('able')).toMatchObject({
      state: 'red',
      reason: expect.stringMatching('does not answer') as string,
    });
    expect(await metric()).not.toMatch('provider="groq"} ');
  });

  test('the parts beside them', async () => {
    const { parts, state } = await healthView('?fresh=1');
    expect(parts).toMatchObject({
      store: { state: 'green' },
      disk: {},
      settings: { state: 'green' },
      temporal: { state: 'red' },
    });
    expect(state).toBe('red');
  });
});
