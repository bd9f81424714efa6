import { type Http2Server, type ServerHttp2Stream, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { lightCheck } from './light-check.ts';

let server: Http2Server | null = null;

afterEach(async () => {
  await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
  server = null;
});

/** A server that answers gRPC with a message, and what it was asked. */
async function serve(answer: (stream: ServerHttp2Stream) => void): Promise<{ address: string; asked: Buffer[] }> {
  const asked: Buffer[] = [];
  const started = createServer();
  server = started;
  started.on('stream', (stream, headers) => {
    asked.push(Buffer.from(String(headers[':path'])));
    stream.on('data', (part: Buffer) => asked.push(part));
    stream.on('error', () => undefined);
    answer(stream);
  });
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  return { address: `127.0.0.1:${(started.address() as AddressInfo).port}`, asked };
}

const says =
  (...message: number[]) =>
  (stream: ServerHttp2Stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.end(Buffer.from([0, 0, 0, 0, message.length, ...message]));
  };

test('a server that serves', async () => {
  const { address, asked } = await serve(says(8, 1));
  await lightCheck(address);
  expect(asked[0]?.toString()).toBe('/grpc.health.v1.Health/Check');
  expect(asked[1]?.subarray(7).toString()).toBe('temporal.api.workflowservice.v1.WorkflowService');
});

test.each([
  ['that does not serve', says(8, 2)],
  ['that says nothing', (stream: ServerHttp2Stream) => stream.respond({ ':status': 404 }, { endStream: true })],
  ['that breaks off', (stream: ServerHttp2Stream) => stream.session?.destroy()],
])('a server %s', async (_name, answer) => {
  const { address } = await serve(answer);
  await expect(lightCheck(address)).rejects.toMatchObject({ code: 'TemporalUnavailable' });
});

test('one that never answers, and none at all', async () => {
  const { address } = await serve(() => undefined);
  await expect(lightCheck(address, 50)).rejects.toMatchObject({ code: 'TemporalUnavailable' });
  await expect(lightCheck('127.0.0.1:1')).rejects.toThrow(/does not answer at 127\.0\.0\.1:1/);
});
