import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { type RatchetError, asRatchetError } from '../../core/errors.ts';
import type { Gateway } from '../../gateway/gateway.ts';
import { openAiError } from '../../gateway/openai-error.ts';
import type { Operation } from '../../gateway/ports.ts';
import { type Guard, nodeHeaders } from '../guard.ts';
import { readText } from './body.ts';
import { clientOf } from './client.ts';

/** Answers a request that is for it; false leaves it to somebody else. */
export type Door = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface DoorDeps {
  gateway: Gateway;
  guard: Guard;
  operations: readonly Operation[];
  log: Logger;
}

/**
 * The way in for what models answer, straight from `node:http`: Hono and web streams would cost a third of what the whole
 * gateway may add.
 */
export function createDoor({ gateway, guard, operations, log }: DoorDeps): Door {
  const byPath = new Map(operations.map((operation) => [operation.path, operation]));

  return (request, response) => {
    if (request.method !== 'POST') return false;
    const operation = byPath.get(pathOf(request.url ?? ''));
    if (!operation) return false;
    const requestId = randomUUID();
    const read = nodeHeaders(request.headers);
    try {
      guard.checkSender(read);
      const principal = guard.authenticate(read);
      const incoming = {
        operation,
        principal,
        requestId,
        traceparent: read('traceparent'),
        conversationId: read('x-conversation-id'),
        timeout: read('x-ratchet-timeout'),
        sdkTimeout: read('x-stainless-timeout'),
        tags: read('x-ratchet-tags'),
        text: () => readText(request),
      };
      void gateway.answer(incoming, clientOf(request, response));
    } catch (thrown) {
      const error = asRatchetError(thrown);
      refuse(response, error, requestId);
      log.info({ request: requestId, method: 'POST', path: operation.path, status: response.statusCode }, 'request');
    }
    return true;
  };
}

function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}

function refuse(response: ServerResponse, error: RatchetError, requestId: string): void {
  const { status, headers, body } = openAiError(error);
  const text = JSON.stringify(body);
  const length = Buffer.byteLength(text);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': length,
    ...headers,
    'x-request-id': requestId,
  });
  response.end(text);
}
