import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import { RatchetError, isErrno } from '../core/errors.ts';
import type { AppEnv } from './context.ts';
import { limitReceiving } from './receiving.ts';
import type { Door } from './v1/door.ts';

export interface ApiServer {
  /** URL with the port that was bound, which may have been chosen by the system. */
  url: string;
  port: number;
  /** Takes no more requests, lets those in flight end for a few seconds, then cuts them. Idempotent. */
  close(): Promise<void>;
}

export interface ServeOptions {
  host: string;
  port: number;
  /** How long requests in flight may go on after `close`, in ms. */
  graceMs?: number;
  /** Asked before the app. */
  door?: Door;
}

const tidyMs = 50;
/** Longer than load balancers keep a connection, so that they close it and not we, in ms. */
const keptMs = 65_000;

/** Binds an app to an address. */
export async function serveApi(
  app: Pick<Hono<AppEnv>, 'fetch'>,
  { host, port, graceMs = 5_000, door }: ServeOptions,
): Promise<ApiServer> {
  const answer = getRequestListener(app.fetch);
  // A client that vanished without a word is found by the probes of TCP.
  const server = createServer({ keepAlive: true, keepAliveInitialDelay: 30_000 }, (request, response) => {
    if (!door?.(request, response)) void answer(request, response);
  });
  server.keepAliveTimeout = keptMs;
  limitReceiving(server);
  await listen(server, host, port);
  const bound = (server.address() as AddressInfo).port;
  let closing: Promise<void> | null = null;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    port: bound,
    close: () => (closing ??= closeGently(server, graceMs)),
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, host, port)));
    server.listen({ host, port }, resolve);
  });
}

function listenError(error: unknown, host: string, port: number): RatchetError {
  if (isErrno(error, 'EADDRINUSE')) {
    const message = `Port ${port} of ${host} is taken: stop what uses it, or set RATCHET_PORT.`;
    return new RatchetError('Conflict', message, { cause: error });
  }
  const message = `The API cannot listen on ${host}:${port}: check RATCHET_HOST and RATCHET_PORT.`;
  return new RatchetError('InvalidInput', message, { cause: error });
}

function closeGently(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    // A kept connection turns idle only when its last request has ended.
    const tidy = setInterval(() => server.closeIdleConnections(), tidyMs);
    server.close(() => {
      clearTimeout(cut);
      clearInterval(tidy);
      resolve();
    });
  });
}
