import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Client } from '../../gateway/client.ts';
import { createOutbox } from './outbox.ts';

/**
 * The client at the other end of a connection of `node:http`.
 *
 * A client that closes its sending side after the request (FIN) counts as gone, whether or not it still reads: no client
 * of this API does that on purpose, a process that has ended looks just so, and `node:http` closes such a connection too.
 */
export function clientOf(request: IncomingMessage, response: ServerResponse): Client {
  const { socket } = request;
  const leaving: (() => void)[] = [];
  let head: { status: number; headers: Readonly<Record<string, string>> } | null = null;
  let gone = false;
  let ended = false;

  function leave(): void {
    if (gone || ended) return;
    gone = true;
    for (const callback of leaving) callback();
  }

  function sendHead(more: Record<string, number> = {}): void {
    if (head) response.writeHead(head.status, { ...head.headers, ...more });
    head = null;
  }

  const outbox = createOutbox(response, () => sendHead());
  function cut(): void {
    leave();
    // What it does not read any more would be kept for it.
    if (gone) response.destroy();
  }

  socket.on('end', cut);
  response.on('close', () => {
    socket.off('end', cut);
    leave();
  });
  // A write to a connection that broke is told by 'close'.
  response.on('error', () => undefined);

  return {
    gone: () => gone,
    head(status, headers) {
      head = { status, headers };
    },
    flush() {
      if (gone || ended || outbox.flush() || !head) return;
      sendHead();
      response.flushHeaders();
    },
    write: (text) => gone || ended || outbox.write(text),
    end(text) {
      if (gone || ended) return;
      ended = true;
      const last = outbox.take() + text;
      sendHead(response.headersSent ? {} : { 'content-length': Buffer.byteLength(last) });
      response.end(last);
    },
    onGone(callback) {
      if (gone) callback();
      else leaving.push(callback);
    },
    onDrain: outbox.onDrain,
  };
}
