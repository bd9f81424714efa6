import { setTimeout as sleep } from 'node:timers/promises';
import { Hono } from 'hono';
import { describe, expect, test, vi } from 'vitest';
import type { AppEnv } from './context.ts';
import { serveApi } from './serve.ts';

const loopback = { host: '127.0.0.1', port: 0 };

function slowApp(ms: number, seen: string[] = []): Hono<AppEnv> {
  return new Hono<AppEnv>().get('/slow', async (context) => {
    context.req.raw.signal.addEventListener('abort', () => seen.push('aborted'));
    await sleep(ms);
    return context.text('done');
  });
}

describe('serveApi', () => {
  test('lets what is in flight end, takes nothing new, and then ends at once', async () => {
    const server = await serveApi(slowApp(200), loopback);
    const asking = fetch(`${server.url}/slow`);
    await sleep(50);
    const began = Date.now();
    const closing = server.close();
    expect(await (await asking).text()).toBe('done');
    await closing;
    expect(Date.now() - began).toBeLessThan(1_500);
    await expect(fetch(`${server.url}/slow`)).rejects.toThrow();
    await server.close();
  });

  test('cuts what goes on after the grace, and tells it', async () => {
    const seen: string[] = [];
    const server = await serveApi(slowApp(2_000, seen), { ...loopback, graceMs: 50 });
    const asking = expect(fetch(`${server.url}/slow`)).rejects.toThrow();
    await sleep(50);
    await server.close();
    await asking;
    await vi.waitFor(() => expect(seen).toEqual(['aborted']));
  });

  test('a port that is taken is a Conflict that says which', async () => {
    const server = await serveApi(slowApp(0), loopback);
    const again = serveApi(slowApp(0), { ...loopback, port: server.port });
    await expect(again).rejects.toMatchObject({
      code: 'Conflict',
      message: expect.stringMatching(String(server.port)) as string,
    });
    await server.close();
  });
});
