import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { Hono } from 'hono';
import { RatchetError, isErrno } from '../core/errors.ts';
import type { AppEnv } from './context.ts';

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
}

const tidyMs = 50;

/** Binds an app to an address. */
export async function serveApi(
  app: Pick<Hono<AppEnv>, 'fetch'>,
  { host, port, graceMs = 5_000 }: ServeOptions,
): Promise<ApiServer> {
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  // A slow model may think for as long as it likes; what a client sends must still come within minutes.
  server.requestTimeout = 300_000;
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
