import type { Socket } from 'node:net';
import { Agent, type Dispatcher, buildConnector } from 'undici';
import { isErrno } from '../core/errors.ts';
import { type Body, type BodySource, createBody } from './body.ts';

export interface HttpRequest {
  url: string;
  method: 'GET' | 'POST';
  headers: Readonly<Record<string, string>>;
  body?: string;
  signal: AbortSignal;
  /** How long the server may send nothing, in ms; without it, as long as it likes. */
  idleMs?: number;
}

export interface HttpAnswer {
  status: number;
  headers: Record<string, string>;
  body: Body;
}

interface Target {
  origin: string;
  path: string;
  /** For a URL with a user's name and password. */
  authorization?: string;
}

const connectTimeoutMs = 10_000;
const keptMs = 30_000;
const mostTargets = 1_000;

const connectSocket = buildConnector({ timeout: connectTimeoutMs, keepAliveInitialDelay: 30_000 });
const targets = new Map<string, Target>();

/**
 * `undici` in place of fetch, which gives up after 300 s without a header although a large local model may think for
 * longer, and of `node:http`, which takes twice the time of the processor for the same exchange. Only connecting has a
 * time limit of its own.
 */
const agent = new Agent({
  headersTimeout: 0,
  bodyTimeout: 0,
  keepAliveTimeout: keptMs,
  connect: (options, callback) => {
    connectSocket(options, (...[error, socket]) => {
      if (error) return callback(error, null);
      noteReuse(socket);
      callback(null, socket);
    });
  },
});

/** One HTTP exchange. Redirects are not followed. The call is sent off before this returns. */
export function sendHttp(request: HttpRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const { signal } = request;
    if (signal.aborted) return reject(signal.reason as Error);
    let controller: Dispatcher.DispatchController | null = null;
    let source: BodySource | null = null;
    const abort = (): void => {
      controller?.abort(signal.reason as Error);
      // Before there is a connection, there is nothing that could tell us.
      if (!controller) reject(signal.reason as Error);
    };
    const ended = (): void => signal.removeEventListener('abort', abort);
    signal.addEventListener('abort', abort);
    agent.dispatch(dispatchOptions(request), {
      onRequestStart(started) {
        controller = started;
        if (signal.aborted) started.abort(signal.reason as Error);
      },
      onResponseStart(started, status, headers) {
        if (status < 200) return;
        source = createBody(started);
        resolve({ status, headers: flatHeaders(headers), body: source.body });
      },
      onResponseData(_controller, bytes) {
        source?.push(bytes);
      },
      onResponseEnd() {
        ended();
        source?.end();
      },
      onResponseError(_controller, error) {
        ended();
        if (source) source.fail(error);
        else if (isStale(error) && !signal.aborted) resolve(sendHttp(request));
        else reject(error);
      },
    });
  });
}

function dispatchOptions({ url, method, headers, body, idleMs = 0 }: HttpRequest): Dispatcher.DispatchOptions {
  const { origin, path, authorization } = targetOf(url);
  return {
    origin,
    path,
    method,
    headers: authorization === undefined ? headers : { authorization, ...headers },
    body: body ?? null,
    headersTimeout: idleMs,
    bodyTimeout: idleMs,
  };
}

/** The parts of a URL. There are few, and each is asked many times. */
function targetOf(url: string): Target {
  const known = targets.get(url);
  if (known) return known;
  const { origin, pathname, search, username, password } = new URL(url);
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const target: Target = { origin, path: pathname + search };
  if (login !== ':') target.authorization = `Basic ${Buffer.from(login).toString('base64')}`;
  if (targets.size >= mostTargets) targets.clear();
  targets.set(url, target);
  return target;
}

/** Marks the errors of a connection on which a server has answered before. */
function noteReuse(socket: Socket): void {
  socket.on('error', (error) => Object.assign(error, { socket: { bytesRead: socket.bytesRead } }));
}

/** Whether a server closed a kept connection as we wrote to it: it saw nothing of this request. */
function isStale(error: Error & { socket?: { bytesRead?: number } | null }): boolean {
  const broke = ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].some((code) => isErrno(error, code));
  return broke && (error.socket?.bytesRead ?? 0) > 0;
}

function flatHeaders(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
}
