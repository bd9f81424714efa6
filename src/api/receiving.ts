import type { IncomingMessage, Server } from 'node:http';

export interface ReceivingLimits {
  /** In each such time a request has to end, or to bring a part of it, in ms. */
  partMs: number;
  /** In bytes. */
  partBytes: number;
  /** How often it is looked at, in ms. */
  lookMs: number;
}

const usual: ReceivingLimits = { partMs: 300_000, partBytes: 2 ** 16, lookMs: 30_000 };

interface Receiving {
  request: IncomingMessage;
  /** Bytes of the connection when the last part began. */
  bytes: number;
  /** When it began, as `performance.now()` counts. */
  since: number;
}

/**
 * Cuts requests whose body does not go on. Node's own limit is on the whole of it, which an import of a large file does not
 * keep. Answers may take as long as they like.
 */
export function limitReceiving(server: Server, limits: Partial<ReceivingLimits> = {}): void {
  const { partMs, partBytes, lookMs } = { ...usual, ...limits };
  const receiving = new Set<Receiving>();
  server.requestTimeout = 0;

  server.on('request', (request: IncomingMessage) => {
    if (request.method === 'GET') return;
    const one: Receiving = { request, bytes: request.socket.bytesRead, since: performance.now() };
    receiving.add(one);
    request.on('close', () => receiving.delete(one));
  });

  const timer = setInterval(() => {
    const now = performance.now();
    for (const one of receiving) {
      const { complete, socket } = one.request;
      if (complete) receiving.delete(one);
      else if (socket.bytesRead - one.bytes >= partBytes) Object.assign(one, { bytes: socket.bytesRead, since: now });
      else if (now - one.since > partMs) socket.destroy();
    }
  }, lookMs).unref();
  server.on('close', () => clearInterval(timer));
}
