import { type AddressInfo, type Server, connect, createServer } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ApiProcess, startApiProcess } from '../fixtures/api-process.ts';
import { type WireServer, delta, fails, startWireServer, streamOf, whole } from '../fixtures/wire-server.ts';

/**
 * Both servers are on the loopback, so that the test stays on this machine; the settings say that `openai` is elsewhere.
 * What really leaves for it is counted in bytes, in front of it.
 */
let near: WireServer;
let far: WireServer;
let gate: { url: string; bytes: () => number; connections: () => number; server: Server };
let api: ApiProcess;
const elsewhere = { openai: { locality: 'remote' } };
/** Every call is asked once and at once, however often the model failed before. */
const routing = { retries: 0, breaker: { failures: 1_000 } };

beforeAll(async () => {
  near = await startWireServer(['a']);
  far = await startWireServer(['b']);
  gate = await startGate(far.url);
  api = await startApiProcess(
    { OLLAMA_BASE_URL: near.url.replace(/\/v1$/, ''), OPENAI_BASE_URL: gate.url },
    { providers: elsewhere, routing },
  );
});
afterAll(async () => {
  await api.remove();
  gate.server.close();
  await near.close();
  await far.close();
});
beforeEach(() => far.answerWith(whole('from afar')));

/** Passes connections on to a server, and counts what is written to it. */
async function startGate(url: string): Promise<typeof gate> {
  const { port } = new URL(url);
  let bytes = 0;
  let connections = 0;
  const server = createServer((client) => {
    connections += 1;
    const upstream = connect(Number(port), '127.0.0.1');
    client.on('data', (piece) => (bytes += piece.byteLength));
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) socket.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const own = (server.address() as AddressInfo).port;
  return { url: `http://127.0.0.1:${own}/v1`, bytes: () => bytes, connections: () => connections, server };
}

async function ask(model: string, more: object = {}) {
  const messages = [{ role: 'user', content: 'a secret of this machine' }];
  const response = await api.send('POST', '/v1/chat/completions', { model, messages, ...more });
  return { response, status: response.status, text: await response.text() };
}

const routes = (fallback: string[], more: object = {}, providers: object = {}) =>
  api.settings({
    providers: { ...elsewhere, ...providers },
    routes: { mine: { model: 'ollama/a', fallback, ...more } },
    routing,
  });

/** Ways in which the local model fails before its first byte. */
const failures = {
  'with status 500': fails(500, { error: { message: 'no' } }),
  'with status 503': fails(503, { error: { message: 'busy' } }),
  'for want of memory': fails(500, { error: { message: 'CUDA out of memory' } }),
  'with too many requests': fails(429, { error: { message: 'slow down' } }),
};

describe('the local model fails', () => {
  test.each(
    Object.entries(failures).flatMap(([name, handler]) => [true, false].map((stream) => ({ name, handler, stream }))),
  )('$name (stream: $stream): not one byte goes elsewhere, and the error says so', async ({ handler, stream }) => {
    near.answerWith(handler);
    await routes(['openai/b']);
    const before = [gate.bytes(), gate.connections(), far.requests.length];
    const { status, text } = await ask('mine', { stream });
    expect(status).toBeGreaterThanOrEqual(429);
    expect(text).toContain('openai/b was not asked: the route mine keeps chats on this machine.');
    expect([gate.bytes(), gate.connections(), far.requests.length]).toEqual(before);
  });

  test('a provider that is never to be asked is not, whatever the route says', async () => {
    near.answerWith(failures['with status 500']);
    await routes(['openai/b'], { egress: 'allow' }, { openai: { locality: 'remote', egress: 'deny' } });
    const before = gate.bytes();
    expect((await ask('mine')).text).toContain('openai is never asked in place of a local model');
    expect(gate.bytes()).toBe(before);
  });

  test('control: with leave it goes there, and the gate sees it', async () => {
    near.answerWith(failures['with status 500']);
    await routes(['openai/b'], { egress: 'allow' });
    const before = gate.bytes();
    const { response, status, text } = await ask('mine');
    expect(status).toBe(200);
    expect(text).toContain('from afar');
    expect(gate.bytes()).toBeGreaterThan(before);
    expect(response.headers.get('x-ratchet-provider')).toBe('openai');
    expect(response.headers.get('x-ratchet-attempts')).toBe('ollama/a=ProviderUnavailable');
  });

  test('in mid-stream: nobody else is asked, with leave or without', async () => {
    near.answerWith(streamOf([delta({ content: 'half an ans' })], { ending: 'cut', pauseMs: 50 }));
    await routes(['openai/b'], { egress: 'allow' });
    const before = gate.bytes();
    expect((await ask('mine', { stream: true })).text).toContain('half an ans');
    expect(gate.bytes()).toBe(before);
  });
});

test('clients see a route among the models', async () => {
  await routes(['openai/b']);
  const { data } = (await (await api.send('GET', '/v1/models')).json()) as { data: { id: string; owned_by: string }[] };
  expect(data).toContainEqual(expect.objectContaining({ id: 'mine', owned_by: 'ratchet' }));
  expect((await api.send('GET', '/v1/models/mine')).status).toBe(200);
  expect((await api.send('GET', '/v1/models/other')).status).toBe(404);
});

test('a model that was not routed has no fallback', async () => {
  near.answerWith(failures['with status 500']);
  await routes(['openai/b'], { egress: 'allow' });
  const before = gate.bytes();
  expect((await ask('ollama/a')).status).toBe(502);
  expect(gate.bytes()).toBe(before);
});

test('a key whose budget is spent does not send chats of local models elsewhere', async () => {
  near.answerWith(whole('from here'));
  await api.settings({ providers: elsewhere, routing, prices: { 'ollama/*': { input: 1_000, output: 1_000 } } });
  const budget = { limit_usd: 0.000_001, per: 'day', over: 'openai/b' };
  const made = await api.send('POST', '/api/keys', { name: 'spender', budget });
  const { key } = (await made.json()) as { key: string };
  const send = async (model: string) => {
    const messages = [{ role: 'user', content: 'a secret of this machine' }];
    const response = await api.send('POST', '/v1/chat/completions', { model, messages }, { key });
    return { status: response.status, text: await response.text() };
  };
  expect((await send('ollama/a')).status).toBe(200);
  const before = gate.bytes();
  const { status, text } = await send('ollama/a');
  expect(status).toBe(429);
  expect(text).toContain(
    'openai/b, which is to be asked instead, was not: chats with local models stay on this machine.',
  );
  expect(gate.bytes()).toBe(before);
});
