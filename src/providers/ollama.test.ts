import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
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
  const health = await provider.health({ signal: AbortSignal.timeout(2_000) });
  expect(health).toMatchObject({ state, version, models: names.length });
  expect(health.reason).toMatch(reason);
});
