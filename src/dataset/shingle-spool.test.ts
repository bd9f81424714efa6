import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { numbersFrom } from './fixtures/entries.ts';
import { headsOf } from './near/head.ts';
import { bandCount } from './near/signature.ts';
import { type Block, decodeBlock, encodeBlock, keptNear } from './rows/block.ts';
import { createSegment, noSegments, openSegments } from './rows/segments.ts';
import { createShingleSpool } from './shingle-spool.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ratchet-shingles-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const random = numbersFrom(7);
// Some are larger than what is written, or read, at once.
const sizes = Array.from({ length: 3000 }, (_, at) => (at % 1000 === 500 ? 400_000 : 1 + Math.floor(random() * 300)));
const documents = sizes.map((size) => Uint32Array.from({ length: size }, () => Math.floor(random() * 2 ** 32)));

/** Documents that come together, of which every second time they are kept. */
const groups: { from: number; to: number; isKept: boolean }[] = [];
for (let from = 0; from < documents.length; from = groups.at(-1)?.to ?? 0)
  groups.push({
    from,
    to: Math.min(documents.length, from + 1 + Math.floor(random() * 20)),
    isKept: groups.length % 2 === 1,
  });

/** Keeps what is to be kept, in two segments, as blocks by the numbers of their first documents. */
function keep(): Map<number, Block> {
  const writers = [0, 1].map((place) => createSegment(join(folder, `${place}.shingles`), place));
  const blocks = new Map<number, Block>();
  for (const { from, to, isKept } of groups) {
    if (!isKept) continue;
    const rows = documents.slice(from, to).map((shingles, at) => {
      const words = Uint32Array.from([...new Uint32Array(bandCount), ...shingles]);
      const near = { words, bandsAt: 0, shinglesFrom: bandCount, shinglesTo: words.length };
      const kept = writers[(from + at) % 2]?.add(words, bandCount, words.length);
      if (!kept) throw new Error('there are two segments');
      const keys = { prompt: '', answer: 0, worse: 0, bare: 0, size: 0, near: keptNear(near, kept) };
      return { kind: 0, id: '', contentKey: '', form: 'kept-with-bands' as const, pair: null, extra: '', keys };
    });
    const block = decodeBlock(Buffer.from(encodeBlock(rows).buffer));
    if (block) blocks.set(from, block);
  }
  for (const writer of writers) writer.close();
  return blocks;
}

function openKept() {
  const list = [0, 1].map((place) => ({ file: `${place}.shingles`, length: 1 }));
  return openSegments(list, (file) => join(folder, file)) ?? noSegments;
}

/** As they come in a build. */
function spooled(threshold: number, again: (document: number) => Uint32Array) {
  const blocks = keep();
  const segments = openKept();
  const spool = createShingleSpool(join(folder, 'spooled'), threshold, { segments, again });
  for (const { from, to } of groups) {
    const block = blocks.get(from);
    if (block) spool.addAll(block, 0, to - from);
    // They stand among others.
    else
      for (const one of documents.slice(from, to)) spool.add(Uint32Array.from([1, 2, 3, ...one, 4]), 3, one.length + 3);
  }
  const close = (): void => {
    spool.close();
    segments.close();
  };
  return { ...spool, close };
}

test.each([0.8, 0.9, 0.5])(
  'of every document all shingles are given, and its first ones for %s, however many it has and however it was added',
  (threshold) => {
    const spool = spooled(threshold, () => {
      throw new Error('nothing is damaged');
    });
    const read = spool.inOrder();
    const heads = spool.headsInOrder(threshold);
    const expected = headsOf(spool.inOrder, threshold);
    for (const [at, shingles] of documents.entries()) {
      const { numbers, from, to } = read(at);
      expect(numbers.subarray(from, to)).toEqual(shingles);
      expect(at % 10 === 0 ? spool.of(at) : shingles).toEqual(shingles);
      const [head, other] = [heads?.(at), expected(at)];
      expect(head?.size).toBe(shingles.length);
      expect(head?.numbers.subarray(head.from, head.to)).toEqual(other.numbers.subarray(other.from, other.to));
    }
    expect(spool.headsInOrder(0.7)).toBeNull();
    spool.close();
  },
);

test('shingles that were damaged are made again', () => {
  const damaged = groups.find(({ isKept, from, to }) => isKept && to - from > 4)?.from ?? -1;
  const made: number[] = [];
  const spool = spooled(0.8, (document) => {
    made.push(document);
    return documents[document] as Uint32Array;
  });
  const file = join(folder, `${damaged % 2}.shingles`);
  const bytes = readFileSync(file);
  const shingles = documents[damaged] as Uint32Array;
  const at = bytes.indexOf(Buffer.from(shingles.buffer));
  bytes.writeUInt8(bytes.readUInt8(at + 1) ^ 64, at + 1);
  writeFileSync(file, bytes);
  const read = spool.inOrder();
  for (const [document, one] of documents.slice(0, damaged + 3).entries()) {
    const { numbers, from, to } = read(document);
    expect(numbers.subarray(from, to)).toEqual(one);
  }
  expect(spool.of(damaged)).toEqual(shingles);
  expect(made).toEqual([damaged, damaged]);
  spool.close();
});
