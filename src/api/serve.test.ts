import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Hono } from 'hono';
import { describe, expect, test } from 'vitest';
import type { AppEnv } from './context.ts';
import { serveApi } from './serve.ts';

const loopback = { host: '127.0.0.1', port: 0 };

/** An app that takes `ms` for an answer; `asked` resolves when it was asked for the first one. */
function slowApp(ms: number) {
  const seen: string[] = [];
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const app = new Hono<AppEnv>().get('/slow', async (context) => {
    context.req.raw.signal.addEventListener('abort', () => seen.push('aborted'));
    resolve();
    await sleep(ms, undefined, { ref: false });
    return context.text('done');
  });
  return { app, seen, asked };
}

describe('serveApi', () => {
  test('lets what is in flight end, takes nothing new, and then ends at once', async () => {
    const { app, asked } = slowApp(200);
    const server = await serveApi(app, { ...loopback, graceMs: 600_000 });
    // A client that keeps its connection for ever: were it waited for, this test would not end in its time.
    const client = connect(server.port, loopback.host);
    client.write('GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await asked;
    const closing = server.close();
    expect(await text(client)).toMatch(/^HTTP\/1\.1 200 [^]*done/);
    await closing;
    await expect(fetch(`${server.url}/slow`)).rejects.toThrow();
    await server.close();
  });

  test('cuts what goes on after the grace, and tells it', async () => {
    const { app, asked, seen } = slowApp(60_000);
    const server = await serveApi(app, { ...loopback, graceMs: 50 });
    const asking = expect(fetch(`${server.url}/slow`)).rejects.toThrow();
    await asked;
    await server.close();
    await asking;
    await expect.poll(() => seen).toEqual(['aborted']);
  });

  test('a port that is taken is a Conflict that says which', async () => {
    const server = await serveApi(slowApp(0).app, loopback);
    const again = serveApi(slowApp(0).app, { ...loopback, port: server.port });
    await expect(again).rejects.toMatchObject({
      code: 'Conflict',
      message: expect.stringMatching(String(server.port)) as string,
    });
    await server.close();
  });
});
