import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { isErrno } from '../core/errors.ts';

export interface HttpRequest {
  url: string;
  method: 'GET' | 'POST';
  headers: Readonly<Record<string, string>>;
  body?: string;
  signal: AbortSignal;
}

export interface HttpAnswer {
  status: number;
  headers: Record<string, string>;
  body: http.IncomingMessage;
}

const connectTimeoutMs = 10_000;

/**
 * One HTTP exchange. `node:http` in place of fetch, because fetch gives up after 300 s without a header and a large
 * local model may think for longer; only the connection itself has a time limit here. Redirects are not followed.
 */
export function sendHttp(request: HttpRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const target = new URL(request.url);
    const client = target.protocol === 'https:' ? https : http;
    const body = request.body === undefined ? undefined : Buffer.from(request.body);
    const headers = { ...request.headers, ...(body && { 'content-length': String(body.byteLength) }) };
    const outgoing = client.request(target, { method: request.method, headers, signal: request.signal });
    outgoing.on('socket', limitConnect);
    outgoing.on('response', (incoming) => {
      resolve({ status: incoming.statusCode ?? 0, headers: flatHeaders(incoming.headers), body: incoming });
    });
    outgoing.on('error', (error) => {
      const stale = outgoing.reusedSocket && isErrno(error, 'ECONNRESET') && !request.signal.aborted;
      // The server closed a kept connection as we wrote to it: it saw nothing of this request.
      if (stale) resolve(sendHttp(request));
      else reject(error);
    });
    outgoing.end(body);
  });
}

/** Reads a whole body as UTF-8, at most `limit` bytes; longer ones are cut off when `cut` is set, else refused. */
export async function readBody(body: AsyncIterable<Uint8Array>, limit: number, cut = false): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body) {
    parts.push(part);
    size += part.byteLength;
    if (size > limit && !cut) throw new RangeError(`the body is larger than ${limit} bytes`);
    if (size > limit) break;
  }
  return Buffer.concat(parts).subarray(0, limit).toString('utf8');
}

function limitConnect(socket: Socket): void {
  if (!socket.connecting) return;
  const timer = setTimeout(() => {
    socket.destroy(Object.assign(new Error('connecting took too long'), { code: 'ETIMEDOUT' }));
  }, connectTimeoutMs);
  socket.once('connect', () => clearTimeout(timer));
  socket.once('close', () => clearTimeout(timer));
}

function flatHeaders(headers: http.IncomingHttpHeaders): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
}
