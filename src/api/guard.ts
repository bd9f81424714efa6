import { createHash, timingSafeEqual } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import { isLoopback } from '../config.ts';
import { RatchetError } from '../core/errors.ts';
import { type AppEnv, soleOwner } from './context.ts';

const anyAddress = ['0.0.0.0', '::', '[::]'];

/**
 * Lets in only requests that were sent to us by a name of ours, so that a web page cannot reach the API through a domain
 * that it made point here. A server that is bound to every address has names that it cannot know; its API key stands in.
 */
export function checkHost(boundTo: string): MiddlewareHandler<AppEnv> {
  const anyHost = anyAddress.includes(boundTo);
  return async (context, next) => {
    const host = hostOf(context.req.header('host') ?? new URL(context.req.url).host);
    if (!anyHost && !isLoopback(host) && host !== boundTo.toLowerCase()) {
      throw forbidden(
        `This server does not answer as "${host.slice(0, 100)}": call it as ${boundTo}, or set RATCHET_HOST.`,
      );
    }
    await next();
  };
}

/** Refuses what a browser sends for a page that is not ours. */
export function checkOrigin(): MiddlewareHandler<AppEnv> {
  return async (context, next) => {
    const origin = context.req.header('origin');
    const host = context.req.header('host') ?? new URL(context.req.url).host;
    if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) {
      throw forbidden('Pages of other origins may not call this server: call it from a program, or use its own page.');
    }
    await next();
  };
}

/** Asks for the API key when one is set, and says whose it is. */
export function checkKey(apiKey: string | null): MiddlewareHandler<AppEnv> {
  const wanted = apiKey === null ? null : digest(apiKey);
  return async (context, next) => {
    if (wanted !== null) {
      const sent = /^Bearer\s+(\S+)\s*$/i.exec(context.req.header('authorization') ?? '')?.[1];
      if (sent === undefined || !timingSafeEqual(digest(sent), wanted)) {
        const problem = sent === undefined ? 'No API key was sent' : 'The API key is wrong';
        throw new RatchetError('Unauthorized', `${problem}: send it as "Authorization: Bearer …".`);
      }
    }
    context.set('owner', soleOwner);
    await next();
  };
}

function hostOf(host: string): string {
  return host.replace(/:\d+$/, '').toLowerCase();
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function forbidden(message: string): RatchetError {
  return new RatchetError('Unauthorized', message, { details: { httpStatus: 403 } });
}
