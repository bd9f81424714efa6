import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { importFile, sourceOf } from '../../../test/fixtures/imports/reading.ts';
import { type ParquetReader, openParquet } from './parquet-reader.ts';

let reader: ParquetReader;
beforeEach(async () => {
  // A page of its third group of rows was torn, so that the library goes round for ever.
  reader = openParquet(sourceOf(await readFile(importFile('parquet/endless.parquet'))), 3_000);
});
afterEach(() => reader.close());

test('what never ends is given up, and the rest is read by another thread', async () => {
  expect(await reader.table()).toMatchObject({
    names: ['prompt', 'answer', 'rating'],
    groups: [{ rows: 5, isWhole: true }, { rows: 2 }, { rows: 1 }],
  });
  const started = performance.now();
  expect(await reader.rows({ from: 7, to: 8 }, 0)).toMatch(/^They cannot be read in the time/);
  expect(performance.now() - started).toBeGreaterThan(2_900);
  expect(await reader.rows({ from: 0, to: 1 }, 0)).toEqual([{ prompt: 'q', answer: 'kept', rating: 1 }]);
});

test('of a column alone nothing else is read', async () => {
  expect(await reader.rows({ from: 0, to: 3, columns: ['rating'] }, 0)).toEqual([
    { rating: 1 },
    { rating: 1 },
    { rating: -1 },
  ]);
});

test('what is no table says so, and the thread goes on', async () => {
  const other = openParquet(sourceOf('PAR1 and nothing else PAR1'));
  expect(typeof (await other.table())).toBe('string');
  expect(typeof (await other.table())).toBe('string');
  await other.close();
});
