import { expect, test } from 'vitest';
import { RatchetError } from '../../../core/errors.ts';
import type { JournalFile } from './file.ts';
import { createFolding } from './folding.ts';
import type { Left, Tables } from './tables.ts';

/** A way into the tables that takes as long as it is told to. */
function slowTables() {
  const begun: { numbers: number[]; done(): void; fail(): void }[] = [];
  const tables: Tables = {
    write(entries) {
      const { promise, resolve } = Promise.withResolvers<Left>();
      const error = new RatchetError('DiskFull', 'the disk is full.');
      begun.push({
        numbers: entries.map(({ number }) => number),
        done: () => resolve({ entries: [], error: null }),
        fail: () => resolve({ entries, error }),
      });
      return promise;
    },
    sync: () => Promise.resolve(),
  };
  return { tables, begun };
}

function opened() {
  const { tables, begun } = slowTables();
  const pair = { append: () => null, waits: false, written: () => undefined, wipe: () => undefined };
  const folding = createFolding({ tables, pair, rest: () => undefined });
  const file = { path: 'journal' } as JournalFile;
  const add = (number: number): void =>
    folding.add({ number, file, from: number, to: number + 1, size: 1, keys: [], refused: () => Promise.resolve() });
  const ended: string[] = [];
  const note = (name: string, waiting: Promise<void>): Promise<unknown> =>
    waiting.then(
      () => ended.push(name),
      () => ended.push(`${name} failed`),
    );
  return { folding, add, begun, ended, note };
}

/** Until all that can go on has gone on. */
const still = () => new Promise((resolve) => setImmediate(resolve));

test('all who wait for a batch wait until it is in the tables, whoever of them began to write it', async () => {
  const { folding, add, begun, ended, note } = opened();
  add(1);
  const waiting = [note('first', folding.settle(1))];
  add(2);
  waiting.push(
    note('one', folding.settle(2)),
    note('other', folding.settle(2)),
    note('wiping', folding.settleForGood()),
  );
  begun[0]?.done();
  await still();
  expect(begun.map(({ numbers }) => numbers)).toEqual([[1], [2]]);
  expect(ended).toEqual(['first']);
  begun[1]?.done();
  await Promise.all(waiting);
  expect(ended.toSorted()).toEqual(['first', 'one', 'other', 'wiping']);
  expect(folding.pending).toBe(false);
  folding.stop();
});

test('who waits is not held up by what came later', async () => {
  const { folding, add, begun, ended, note } = opened();
  add(1);
  const waiting = [note('first', folding.settle(1))];
  add(2);
  waiting.push(note('early', folding.settle(1)), note('late', folding.settle(2)));
  begun[0]?.done();
  await still();
  expect(ended).toEqual(['first', 'early']);
  begun[1]?.done();
  await Promise.all(waiting);
  folding.stop();
});

test('all are told when the tables take nothing, and a later one tries again', async () => {
  const { folding, add, begun, ended, note } = opened();
  add(1);
  const waiting = ['one', 'other'].map((name) => note(name, folding.settle(1)));
  begun[0]?.fail();
  await still();
  // Who came while it was tried already has it tried once more.
  begun[1]?.fail();
  await Promise.all(waiting);
  expect(ended.toSorted()).toEqual(['one failed', 'other failed']);
  expect(begun).toHaveLength(2);
  const again = folding.settle(1);
  begun[2]?.done();
  await again;
  expect(folding.stuck).toBeNull();
  folding.stop();
});
