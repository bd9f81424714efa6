import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createPresence } from './presence.ts';

let server: Server | null = null;
afterEach(async () => {
  await new Promise((done) => (server ? server.close(done).closeAllConnections() : done(null)));
  server = null;
});

/** A server that answers everything with one text; gives its URL, and how often it was asked. */
async function serve(status: number, text: string): Promise<{ url: string; asked: () => number }> {
  let asked = 0;
  const started = createServer((_request, response) => {
    asked++;
    response.writeHead(status).end(text);
  });
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(started.address() as AddressInfo).port}/health`, asked: () => asked };
}

const isIt = (body: string): boolean => body.includes('it is me');

test.each([
  [200, 'yes, it is me', true],
  [200, 'somebody else', false],
  [503, 'it is me, going down', false],
])('%i %s: %s', async (status, text, expected) => {
  const { url } = await serve(status, text);
  const presence = createPresence({ url, isIt });
  expect(presence.answers()).toBe(false);
  await presence.look();
  expect(presence.answers()).toBe(expected);
});

test('nobody there is no fault', async () => {
  const { url } = await serve(200, 'it is me');
  await new Promise((done) => server?.close(done));
  server = null;
  const presence = createPresence({ url, isIt });
  await presence.look();
  expect(presence.answers()).toBe(false);
});

test('it asks once, remembers for ten seconds, and then looks again without holding anybody up', async () => {
  let at = 0;
  const { url, asked } = await serve(200, 'it is me');
  const presence = createPresence({ url, isIt, now: () => at });
  await Promise.all([presence.look(), presence.look()]);
  at = 9_999;
  expect(presence.answers()).toBe(true);
  expect(asked()).toBe(1);
  at = 10_000;
  expect(presence.answers()).toBe(true);
  await presence.look();
  expect(asked()).toBe(2);
});
