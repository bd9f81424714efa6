import { randomInt } from 'node:crypto';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { RatchetError } from '../core/errors.ts';
import type { Supervised } from './types.ts';

const loopback = '127.0.0.1';

/**
 * Below those that systems give to connections that go out (from 32768 on Linux, from 49152 by IANA), so that none of these takes a
 * port between now and when somebody listens on it.
 */
const [lowest, highest] = [10_240, 32_767];
/** So many of them are tried before any at all is taken. */
const mostTries = 50;

/** A TCP port of the loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  if (port === undefined) throw new RatchetError('Bug', 'No free TCP port was found on 127.0.0.1.');
  return port;
}

/** Several free ports, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, listenSomewhere));
  await Promise.all(servers.map(({ close }) => close()));
  return servers.map(({ port }) => port);
}

interface Listening {
  port: number;
  close(): Promise<void>;
}

async function listenSomewhere(): Promise<Listening> {
  for (let tries = 0; tries < mostTries; tries += 1) {
    const listening = await listenOn(randomInt(lowest, highest + 1)).catch(() => null);
    if (listening !== null) return listening;
  }
  return listenOn(0);
}

async function listenOn(wanted: number): Promise<Listening> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: loopback, port: wanted, exclusive: true }, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { port, close: () => new Promise((resolve) => server.close(() => resolve())) };
}

/** Whether something accepts connections there. */
export function isListening(port: number, host = loopback, timeoutMs = 1_000): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => done(false));
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}

export interface PortWait {
  port: number;
  host?: string;
  /** What is waited for, as a person calls it. */
  name: string;
  timeoutMs: number;
  signal?: AbortSignal;
  /** Stops waiting when this child ends, and shows its last words. */
  child?: Supervised;
}

/** Waits until something accepts connections. PartMissing when the child ends first, Stalled when it takes too long. */
export async function waitForPort({ port, host = loopback, name, timeoutMs, signal, child }: PortWait): Promise<void> {
  const end = Date.now() + timeoutMs;
  let ended: string | null = null;
  void child?.exited.then(({ code, tail }) => {
    ended = `${name} ended with code ${code} before it was ready. Its last words: ${tail || '(none)'}`;
  });
  while (!(await isListening(port, host))) {
    if (signal?.aborted) {
      throw new RatchetError('Cancelled', `Waiting for ${name} was cancelled.`, { cause: signal.reason });
    }
    if (ended !== null) throw new RatchetError('PartMissing', ended);
    if (Date.now() >= end) {
      const seconds = Math.round(timeoutMs / 1000);
      throw new RatchetError('Stalled', `${name} did not open ${host}:${port} within ${seconds} s: read its log.`);
    }
    await sleep(50);
  }
}
