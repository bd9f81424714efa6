import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { createOutbox } from './outbox.ts';

/** The body of an answer that is written so. */
async function bodyOf(write: (outbox: ReturnType<typeof createOutbox>, sent: () => number) => void): Promise<string> {
  const server = createServer((_, response) => {
    const outbox = createOutbox(response, () => undefined);
    write(outbox, () => response.socket?.bytesWritten ?? 0);
    setImmediate(() => response.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return await answer.text();
  } finally {
    server.close();
  }
}

test('the first piece leaves at once, what follows in one tick leaves together', async () => {
  const sent: number[] = [];
  const body = await bodyOf((outbox, now) => {
    for (const piece of ['first ', 'second ', 'third ']) {
      outbox.write(piece);
      sent.push(now());
    }
    process.nextTick(() => sent.push(now()));
  });
  const [first = 0, second, third, after = 0] = sent;
  expect(first).toBeGreaterThan('first '.length);
  expect([second, third]).toEqual([first, first]);
  // One chunk: a length, both pieces, and the ends of two lines.
  expect(after - first).toBe('d\r\nsecond third \r\n'.length);
  expect(body).toBe('first second third ');
});

test('what waits leaves when it is told to, once', async () => {
  const told: boolean[] = [];
  const sent: number[] = [];
  const body = await bodyOf((outbox, now) => {
    told.push(outbox.flush());
    outbox.write('first ');
    outbox.write('second');
    sent.push(now());
    told.push(outbox.flush(), outbox.flush());
    sent.push(now());
  });
  expect(told).toEqual([false, true, false]);
  expect((sent[1] ?? 0) - (sent[0] ?? 0)).toBe('6\r\nsecond\r\n'.length);
  expect(body).toBe('first second');
});
