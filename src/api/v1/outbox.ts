import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Gathers what is written in one tick, so that it costs one call of the system, however many pieces the provider's read
 * had. It leaves before anything else happens; the first piece, which is waited for, leaves at once.
 */
export interface Outbox {
  /** False when the client does not keep up. */
  write(text: string): boolean;
  /** Sends what would leave at the end of this tick now; false when there is nothing. */
  flush(): boolean;
  /** Takes what has not been handed to the socket yet. */
  take(): string;
  onDrain(callback: () => void): void;
}

/** How much may come in one tick before the provider has to wait, in characters. */
const mostUnsent = 2 ** 20;

/**
 * Writes a piece of a body after the first. The response itself would write length, text and end of a chunk one by one,
 * gather them again, and take a fifth longer for a stream.
 */
function writeNext(socket: Socket, text: string): boolean {
  return socket.write(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
}

/** Creates the outbox of a response; `before` is called before each write. */
export function createOutbox(response: ServerResponse, before: () => void): Outbox {
  const draining: (() => void)[] = [];
  // Null where a request before this one has the connection still.
  const { socket } = response;
  let out = '';
  let blocked = false;
  /** The head has left, with the first piece. */
  let begun = false;

  function take(): string {
    const text = out;
    out = '';
    return text;
  }

  function send(): void {
    const text = take();
    if (text === '' || response.destroyed) return;
    before();
    const free = begun && socket && response.chunkedEncoding ? writeNext(socket, text) : writeFirst(text);
    begun = true;
    if (free && blocked) drained();
    blocked = !free;
  }

  /** With its head. The response keeps both back until the end of this tick. */
  function writeFirst(text: string): boolean {
    const free = response.write(text);
    socket?.uncork();
    return free;
  }

  function drained(): void {
    blocked = false;
    for (const callback of draining) callback();
  }

  response.on('drain', drained);
  socket?.on('drain', drained);
  response.on('close', () => socket?.off('drain', drained));
  return {
    write(text) {
      if (out === '' && begun) process.nextTick(send);
      out += text;
      if (!begun) send();
      blocked ||= out.length > mostUnsent;
      return !blocked;
    },
    flush() {
      if (out === '') return false;
      send();
      return true;
    },
    take,
    onDrain: (callback) => draining.push(callback),
  };
}
