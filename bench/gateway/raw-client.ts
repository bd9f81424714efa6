import { type Socket, connect } from 'node:net';

/** One kept connection that carries one request at a time, and costs as little as can be. */
export interface RawConnection {
  /** Sends a request; `onBody` gets each piece of the answer's body as it arrives. Rejects on a status other than 200. */
  send(request: Buffer, onBody: (piece: string) => void): Promise<void>;
  close(): void;
}

interface Exchange {
  onBody: (piece: string) => void;
  resolve: () => void;
  reject: (error: Error) => void;
  /** What came of the head, until it is whole. */
  head: string;
  /** Bytes of the body that are to come; null where it comes in chunks. */
  left: number | null;
  inBody: boolean;
  tail: string;
}

/** Opens a connection to a port of the loopback. */
export function openRaw(port: number): RawConnection {
  let socket: Socket | null = null;
  let open: Exchange | null = null;

  function fail(error: Error): void {
    socket?.destroy();
    socket = null;
    const broken = open;
    open = null;
    broken?.reject(error);
  }

  function ensure(): Socket {
    if (socket && !socket.destroyed && socket.writable) return socket;
    const made = connect({ port, host: '127.0.0.1', noDelay: true });
    made.setEncoding('latin1');
    made.on('data', (text: unknown) => {
      if (!open) return;
      try {
        if (!take(open, String(text))) return;
      } catch (error) {
        return fail(error as Error);
      }
      const done = open;
      open = null;
      done.resolve();
    });
    made.on('error', fail);
    made.on('close', () => socket === made && fail(new Error('the connection was closed in the middle of an answer')));
    socket = made;
    return made;
  }

  return {
    send: (request, onBody) =>
      new Promise((resolve, reject) => {
        open = { onBody, resolve, reject, head: '', left: null, inBody: false, tail: '' };
        ensure().write(request);
      }),
    close: () => {
      const made = socket;
      socket = null;
      made?.destroy();
    },
  };
}

/** Takes a piece of an answer; true when the answer is whole. */
function take(exchange: Exchange, text: string): boolean {
  let body = text;
  if (!exchange.inBody) {
    exchange.head += text;
    const end = exchange.head.indexOf('\r\n\r\n');
    if (end === -1) return false;
    body = exchange.head.slice(end + 4);
    exchange.head = exchange.head.slice(0, end);
    exchange.inBody = true;
    if (!exchange.head.startsWith('HTTP/1.1 200')) {
      throw new Error(`It answered ${exchange.head.split('\r\n')[0]}: ${body.slice(0, 300)}`);
    }
    const length = /\r\ncontent-length: *(\d+)/i.exec(exchange.head);
    exchange.left = length ? Number(length[1]) : null;
  }
  if (body === '') return exchange.left === 0;
  exchange.onBody(body);
  if (exchange.left !== null) {
    exchange.left -= body.length;
    return exchange.left <= 0;
  }
  exchange.tail = (exchange.tail + body).slice(-5);
  return exchange.tail === '0\r\n\r\n';
}
