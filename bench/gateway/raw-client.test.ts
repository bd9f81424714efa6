import { type AddressInfo, type Socket, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { type RawConnection, openRaw } from './raw-client.ts';

let close = (): void => {};
let connection: RawConnection;
afterEach(() => {
  connection.close();
  close();
});

/** A server that answers each request with the next list of packets; null ends the connection. */
async function serve(...answers: (string | null)[][]): Promise<RawConnection> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true).on('data', () => {
      void (async () => {
        for (const packet of answers.shift() ?? [null]) {
          if (packet === null) socket.destroy();
          else socket.write(packet);
          await sleep(5);
        }
      })();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  connection = openRaw((server.address() as AddressInfo).port);
  return connection;
}

async function ask(raw: RawConnection): Promise<string> {
  let body = '';
  await raw.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'), (piece) => (body += piece));
  return body;
}

const chunked = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';

test('answers with a length and in chunks, cut anywhere, one after another', async () => {
  const raw = await serve(
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n', '\r\nhe', 'llo'],
    [`${chunked}3\r\nabc\r\n`, '2\r\nde\r\n0', '\r\n', '\r\n'],
    ['HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'],
  );
  expect(await ask(raw)).toBe('hello');
  expect((await ask(raw)).replaceAll(/\r\n|^\d|\d$/g, '')).toMatch(/abc2?de/);
  expect(await ask(raw)).toBe('');
});

test('another status, and a connection that breaks, are errors; the next request gets a connection of its own', async () => {
  const raw = await serve(
    ['HTTP/1.1 429 Too Many\r\ncontent-length: 4\r\n\r\nslow'],
    [chunked, null],
    ['HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'],
  );
  await expect(ask(raw)).rejects.toThrow(/429 Too Many: slow/);
  await expect(ask(raw)).rejects.toThrow(/closed|reset/i);
  expect(await ask(raw)).toBe('ok');
});
