import type { IncomingHttpHeaders } from 'node:http';
import type { Context, MiddlewareHandler } from 'hono';
import { isLoopback } from '../config.ts';
import type { Principal } from '../core/access.ts';
import { RatchetError } from '../core/errors.ts';
import type { AppEnv } from './context.ts';

/** One header of a request by its name in lower case, however the server keeps them. */
export type ReadHeader = (name: string) => string | undefined;

/** Says who sent a request by its `authorization` and `x-api-key` headers; Unauthorized. */
export type Authenticate = (authorization: string | undefined, xApiKey?: string) => Principal;

/** What stands before every route. Both checks are synchronous and throw Unauthorized: 403 for the sender, 401 for the key. */
export interface Guard {
  /** Lets in only requests that were sent to us by a name of ours, and not by somebody else's web page. */
  checkSender(read: ReadHeader): void;
  authenticate(read: ReadHeader): Principal;
}

export interface GuardOptions {
  /** The address that the server is bound to. */
  boundTo: string;
  authenticate: Authenticate;
}

const anyAddress = ['0.0.0.0', '::', '[::]'];

/** Creates the guard that Hono's routes and the lean door of `/v1` share. */
export function createGuard({ boundTo, authenticate }: GuardOptions): Guard {
  const checkHost = hostCheck(boundTo);
  return {
    checkSender(read) {
      checkHost(read('host') ?? '');
      checkPage(read);
    },
    authenticate: (read) => authenticate(read('authorization'), read('x-api-key') ?? read('api-key')),
  };
}

/** Headers as `node:http` keeps them. */
export function nodeHeaders(headers: IncomingHttpHeaders): ReadHeader {
  return (name) => {
    const value = headers[name];
    return Array.isArray(value) ? value[0] : value;
  };
}

/** Headers as Hono keeps them; a request that was made without a port has its host in the URL only. */
export function honoHeaders(context: Context<AppEnv>): ReadHeader {
  return (name) => context.req.header(name) ?? (name === 'host' ? new URL(context.req.url).host : undefined);
}

/** Hono's side of {@link Guard.checkSender}. */
export function checkSender(guard: Guard): MiddlewareHandler<AppEnv> {
  return async (context, next) => {
    guard.checkSender(honoHeaders(context));
    await next();
  };
}

/**
 * A web page must not reach the API through a domain that it made point here. A server that is bound to every address
 * has names that it cannot know; its API key stands in.
 */
function hostCheck(boundTo: string): (sent: string) => void {
  const anyHost = anyAddress.includes(boundTo);
  const own = boundTo.toLowerCase();
  return (sent) => {
    const host = hostOf(sent);
    if (anyHost || isLoopback(host) || host === own) return;
    throw forbidden(
      `This server does not answer as "${host.slice(0, 100)}": call it as ${boundTo}, or set RATCHET_HOST.`,
    );
  };
}

/** Browsers say which page a request is for: `Origin` where they must, `Sec-Fetch-Site` always. A link may be followed. */
function checkPage(read: ReadHeader): void {
  const origin = read('origin');
  const host = read('host') ?? '';
  const foreign = origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`;
  const site = read('sec-fetch-site');
  const embedded = (site === 'cross-site' || site === 'same-site') && read('sec-fetch-mode') !== 'navigate';
  if (foreign || embedded) {
    throw forbidden('Pages of other origins may not call this server: call it from a program, or use its own page.');
  }
}

function hostOf(host: string): string {
  return host.replace(/:\d+$/, '').toLowerCase();
}

function forbidden(message: string): RatchetError {
  return new RatchetError('Unauthorized', message, { details: { httpStatus: 403 } });
}
