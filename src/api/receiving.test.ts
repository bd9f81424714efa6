import { once } from 'node:events';
import { Agent, type IncomingMessage, type RequestOptions, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { limitReceiving } from './receiving.ts';

const limits = { partMs: 2_000, partBytes: 1_000, lookMs: 20 };
let close = (): void => {};
afterEach(() => close());

/** A server that answers with the length of what it got, after a while. */
async function serve(answerMs = 0): Promise<number> {
  const server = createServer((incoming, response) => {
    let size = 0;
    incoming.on('data', (piece: Buffer) => (size += piece.length));
    incoming.on('error', () => undefined);
    incoming.on('end', () => setTimeout(() => response.end(String(size)), answerMs));
  });
  limitReceiving(server, limits);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close = () => server.close().closeAllConnections();
  return (server.address() as AddressInfo).port;
}

/** Sends pieces with pauses, and gives what is answered. */
async function send(port: number, pieces: readonly string[], pauseMs: number, more: RequestOptions = {}) {
  const outgoing = request({ port, host: '127.0.0.1', method: 'POST', ...more });
  const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
  answered.catch(() => undefined);
  for (const piece of pieces) {
    if (outgoing.destroyed) break;
    outgoing.write(piece);
    await sleep(pauseMs);
  }
  outgoing.end();
  const [incoming] = await answered;
  let text = '';
  for await (const part of incoming) text += String(part);
  return text;
}

test('a large body may take longer than a part of it', async () => {
  const port = await serve();
  const pieces = Array.from({ length: 60 }, () => 'x'.repeat(5_000));
  expect(await send(port, pieces, 50)).toBe('300000');
});

test('a body that comes too slowly is cut, and so is one that stops', async () => {
  const port = await serve();
  const dribble = Array.from({ length: 200 }, () => 'x');
  await expect(send(port, dribble, 50)).rejects.toMatchObject({
    code: expect.stringMatching(/ECONNRESET|EPIPE/) as string,
  });
  await expect(send(port, ['x', 'x'], 4_000)).rejects.toMatchObject({
    code: expect.stringMatching(/ECONNRESET|EPIPE/) as string,
  });
});

test('an answer may take as long as it likes, also on a connection that is kept', async () => {
  const port = await serve(2_500);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  expect(await send(port, ['abc'], 0, { agent })).toBe('3');
  expect(await send(port, ['abcd'], 0, { agent })).toBe('4');
  agent.destroy();
});
