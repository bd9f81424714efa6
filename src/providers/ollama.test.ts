import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import type { JsonObject } from '../core/canonical.ts';
import { createOllamaProvider } from './ollama.ts';

let close = (): void => {};
afterEach(() => close());

/** A server with Ollama's two listing routes. */
async function serve(version: string, names: string[]): Promise<string> {
  const server = createServer((request, response) => {
    const models = names.map((name) => ({ name }));
    response.end(JSON.stringify(request.url === '/api/version' ? { version } : { models }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close = () => server.close().closeAllConnections();
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test.each([
  ['0.17.4', ['a:latest'], 'green', /1 models/],
  ['0.17.1', ['a:latest'], 'green', /1 models/],
  ['1.0.0', ['a:latest'], 'green', /1 models/],
  ['0.0.0', ['a:latest'], 'green', /1 models/],
  ['0.17.0', ['a:latest'], 'yellow', /CVE-2026-7482/],
  ['0.9.12', ['a:latest'], 'yellow', /update it to 0\.17\.1/],
  ['0.17.4', [], 'yellow', /ollama pull/],
])('version %s with %j is %s', async (version, names, state, reason) => {
  const provider = createOllamaProvider({ name: 'ollama', baseUrl: await serve(version, names) });
  const health = await provider.health({ signal: AbortSignal.timeout(20_000) });
  expect(health).toMatchObject({ state, version, models: names.length });
  expect(health.reason).toMatch(reason);
});

test('what goes before all others goes to the route of its own that takes options', async () => {
  const asked: { url: string | undefined; body: Record<string, unknown> }[] = [];
  const server = createServer((request, response) => {
    void text(request).then((sent) => {
      asked.push({ url: request.url, body: JSON.parse(sent) as Record<string, unknown> });
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ message: { role: 'assistant', content: 'Hi' }, done: true }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close = () => server.close().closeAllConnections();
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = createOllamaProvider({ name: 'ollama', baseUrl });
  const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Hello' }] });
  const signal = AbortSignal.timeout(20_000);
  await provider.call('chat/completions', body, { signal, model: 'm', override: { num_gpu: 0 } });
  await provider.call('chat/completions', body, { signal, model: 'm' });
  expect(asked).toMatchObject([
    { url: '/api/chat', body: { options: { num_gpu: 0 } } },
    { url: '/v1/chat/completions' },
  ]);
  expect(asked[1]?.body).not.toHaveProperty('options');
});

test('after a stream was cut, one token of the same is asked for, except of what Ollama only passes on', async () => {
  const asked: JsonObject[] = [];
  const server = createServer((request, response) => {
    void text(request).then((sent) => {
      asked.push(JSON.parse(sent) as JsonObject);
      response.setHeader('content-type', 'text/event-stream');
      response.write('data: {}\n\n');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close = () => server.close().closeAllConnections();
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = createOllamaProvider({ name: 'ollama', baseUrl });
  const messages = [{ role: 'user', content: 'Hello' }];
  for (const model of ['gpt-oss:120b-cloud', 'glm-4.6:cloud', 'm']) {
    const sent = { model, messages, stream: true, stream_options: { include_usage: true }, max_completion_tokens: 9 };
    const caller = new AbortController();
    const options = { signal: caller.signal, model };
    const { body } = await provider.call('chat/completions', JSON.stringify(sent), options);
    caller.abort();
    body.cancel();
  }
  await expect.poll(() => asked).toHaveLength(4);
  expect(asked.map(({ model }) => model)).toEqual(['gpt-oss:120b-cloud', 'glm-4.6:cloud', 'm', 'm']);
  expect(asked[3]).toEqual({ model: 'm', messages, stream: false, max_tokens: 1 });
});
