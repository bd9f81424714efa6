import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { numbersFrom } from './fixtures/entries.ts';
import { headsOf } from './near/head.ts';
import { createShingleSpool } from './shingle-spool.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ratchet-shingles-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const threshold = 0.8;

test('of every document all shingles are given, and its first ones, however many it has and however it was added', () => {
  const random = numbersFrom(7);
  // Some are larger than what is written, or read, at once.
  const sizes = Array.from({ length: 3000 }, (_, at) => (at % 1000 === 500 ? 400_000 : 1 + Math.floor(random() * 300)));
  const documents = sizes.map((size) => Uint32Array.from({ length: size }, () => Math.floor(random() * 2 ** 32)));
  const spool = createShingleSpool(join(folder, 'shingles'), threshold);
  for (let at = 0; at < documents.length; ) {
    const some = documents.slice(at, at + 1 + Math.floor(random() * 20));
    // They stand among others.
    const all = Uint32Array.from([1, 2, 3, ...some.flatMap((one) => [...one]), 4]);
    const places = some.map((_, document) => 3 + some.slice(0, document).reduce((sum, one) => sum + one.length, 0));
    if (some.length === 1) spool.add(all, 3, all.length - 1);
    else spool.addAll(all, some.length, (document) => places[document] ?? all.length - 1);
    at += some.length;
  }
  const read = spool.inOrder();
  const heads = spool.headsInOrder(threshold);
  const expected = headsOf(spool.inOrder, threshold);
  for (const [at, shingles] of documents.entries()) {
    const { numbers, from, to } = read(at);
    expect(numbers.subarray(from, to)).toEqual(shingles);
    expect(at % 100 === 0 ? spool.of(at) : shingles).toEqual(shingles);
    const [head, other] = [heads?.(at), expected(at)];
    expect(head?.size).toBe(shingles.length);
    expect(head?.numbers.subarray(head.from, head.to)).toEqual(other.numbers.subarray(other.from, other.to));
  }
  expect(spool.headsInOrder(0.9)).toBeNull();
  spool.close();
});
