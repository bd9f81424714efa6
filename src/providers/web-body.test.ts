import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readBody } from './body.ts';
import { webBody } from './web-body.ts';

const options = { signal: new AbortController().signal, asError: (error: unknown) => error as Error };

test('any pieces come through whole', async () => {
  const texts = fc.array(fc.string({ unit: 'binary', minLength: 1 }), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(texts, async (pieces) => {
      const bytes = pieces.map((piece) => new TextEncoder().encode(piece));
      const body = webBody(new Response(Buffer.concat(bytes)).body, options);
      const streamed = webBody(ReadableStream.from(bytes), options);
      const expected = new TextDecoder().decode(Buffer.concat(bytes));
      expect(await readBody(body, 1_000_000)).toBe(expected);
      expect(await readBody(streamed, 1_000_000)).toBe(expected);
    }),
    { numRuns: 50 },
  );
});

test('no more is read than the reader takes', async () => {
  const seen = { given: 0 };
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      seen.given++;
      controller.enqueue(new Uint8Array(1));
      if (seen.given === 1_000) controller.close();
    },
  });
  const body = webBody(stream, options);
  while (seen.given < 16) await new Promise((resolve) => setImmediate(resolve));
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  // What comes before there is a reader is kept up to a bound, and the stream itself holds one piece.
  expect(seen.given).toBeLessThan(32);
  expect((await readBody(body, 10_000)).length).toBe(1_000);
});

test('a body that is not needed any more ends the stream', async () => {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const body = webBody(new ReadableStream({ cancel: resolve }), options);
  body.cancel();
  expect(await promise).toMatchObject({ message: 'the body is not needed any more' });
});

test('no stream is an empty body', async () => {
  expect(await readBody(webBody(null, options), 10)).toBe('');
});
