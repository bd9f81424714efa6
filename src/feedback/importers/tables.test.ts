import fc from 'fast-check';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { expect, test } from 'vitest';
import {
  exchangesIn,
  leftOutOf,
  readAll,
  readImportFile,
  saidIn,
  sourceOf,
} from '../../../test/fixtures/imports/reading.ts';
import { csv } from './csv.ts';
import { parquet } from './parquet.ts';
import { openParquet } from './parquet-reader.ts';
import { ratingIn, see, shareOn } from './scale.ts';
import type { ImportItem } from './types.ts';

const judgedIn = (items: readonly ImportItem[]) => exchangesIn(items).map(({ feedback }) => feedback);

test('CSV: a sheet with a byte order mark, semicolons, quotes and lines within cells', async () => {
  const items = await readImportFile(csv, 'csv/sheet.csv');
  expect(exchangesIn(items).map(saidIn)).toEqual([
    ['user: What is 2+2?', 'assistant: 4'],
    ['system: Be brief.', 'user: Name a\r\n"red" thing', 'assistant: Sky'],
    ['user: Is it late?', 'assistant: No.'],
  ]);
  expect(judgedIn(items)).toEqual([
    [{ rating: 1, score: 1 }],
    [{ rating: -1, score: 0, correction: { role: 'assistant', content: 'Apple' } }],
    [{ score: 0.5 }],
  ]);
  expect(exchangesIn(items).map(({ chat }) => chat.model)).toEqual(['gpt-4o', 'unknown', 'unknown']);
});

test('CSV: labels of 0 and 1 are thumbs', async () => {
  expect(judgedIn(await readImportFile(csv, 'csv/thumbs.csv'))).toEqual([[{ rating: 1 }], [{ rating: -1 }]]);
});

test('CSV: rows without a question or an answer are left out, and a broken end stops nothing before it', async () => {
  const items = await readImportFile(csv, 'csv/malformed.csv');
  expect(exchangesIn(items).map(saidIn)).toEqual([['user: q', 'assistant: kept']]);
  expect(judgedIn(items)).toEqual([[]]);
  const told = leftOutOf(items).map(({ at, reason }) => [at, reason]);
  expect(told.sort(([one = ''], [other = '']) => one.localeCompare(other))).toEqual([
    ['line 3', 'no messages'],
    ['line 4', 'no answer'],
    ['line 5', 'no answer'],
    ['line 6', 'not CSV'],
  ]);
});

test('CSV: a table without a header says what it should be', async () => {
  const [item] = await readAll(csv, 'a,b\n1,2\n');
  expect(item).toMatchObject({ at: 'line 1', reason: 'no header that is known' });
});

test('Parquet: ratings of one to five are scores, and empty answers are left out', async () => {
  const items = await readImportFile(parquet, 'parquet/table.parquet');
  expect(exchangesIn(items).map(saidIn)).toEqual([
    ['user: What is a fjord?', 'assistant: A flooded valley.'],
    ['user: What is a loch?', 'assistant: A lake.'],
  ]);
  expect(judgedIn(items)).toEqual([[{ score: 0.9 }], [{ score: 0.25 }]]);
  expect(exchangesIn(items).map(({ chat }) => chat.model)).toEqual(['m1', 'unknown']);
  expect(leftOutOf(items)).toEqual([{ kind: 'left-out', at: 'row 3', reason: 'no answer' }]);
});

test('Parquet: messages and preferences are those of a training file, however they are packed', async () => {
  const messages = await readImportFile(parquet, 'parquet/messages.parquet');
  expect(exchangesIn(messages).map(saidIn)).toEqual([['user: Hi', 'assistant: Hello.']]);
  expect(judgedIn(messages)).toEqual([[{ rating: 1 }]]);
  expect(leftOutOf(messages)).toMatchObject([{ at: 'row 2', reason: 'no answer' }]);
  const pair = exchangesIn(await readImportFile(parquet, 'parquet/preference.parquet'));
  expect(pair.map(saidIn)).toEqual([
    ['user: Name a prime.', 'assistant: Seven.'],
    ['user: Name a prime.', 'assistant: Nine.'],
  ]);
  expect(pair.map(({ siblings }) => siblings?.best)).toEqual([true, false]);
});

test.each([
  [
    'malformed',
    ['row 1', 'row 8'],
    ['row 2: no messages', 'row 3: no answer', 'row 4: no messages', 'row 5: no answer', 'rows 6 to 7: not Parquet'],
  ],
  [
    'miscounted',
    ['row 1'],
    ['row 2: no messages', 'row 3: no answer', 'row 4: no messages', 'row 5: no answer', 'rows from 6: not Parquet'],
  ],
])('Parquet: of %s groups the others are read, as far as one knows where they begin', async (name, read, leftOut) => {
  const items = await readImportFile(parquet, `parquet/${name}.parquet`);
  expect(exchangesIn(items).map(({ at }) => at)).toEqual(read);
  expect(leftOutOf(items).map(({ at, reason }) => `${at}: ${reason}`)).toEqual(leftOut);
});

test('Parquet: a group of rows that is too large to hold is left out with a sentence, and the next one is read', async () => {
  const large = { groups: 2, rows: 200, tornSize: 2n ** 31n };
  const items = await readAll(parquet, written({ ...large, offsetIndex: false }));
  expect(exchangesIn(items).map(({ at }) => at)).toEqual(Array.from({ length: 200 }, (_, at) => `row ${201 + at}`));
  expect(leftOutOf(items)).toMatchObject([
    { at: 'rows 1 to 200', detail: expect.stringMatching(/^This group of rows takes \d+ MiB at once, above 1024: /) },
  ]);
  expect(leftOutOf(await readAll(parquet, written({ ...large, offsetIndex: true })))).toEqual([]);
});

test.each([
  [true, 'no more than its pages are read'],
  [false, 'the whole column is read'],
])('Parquet: with an index of pages %s, of a group of rows %s', async (offsetIndex, _what) => {
  const file = written({ offsetIndex, groups: 1, rows: 4_000 });
  const source = sourceOf(file);
  let taken = 0;
  const slice: typeof source.slice = async (from, to) => {
    taken += to - from;
    return source.slice(from, to);
  };
  const reader = openParquet({ ...source, slice });
  await reader.table();
  const before = taken;
  expect(await reader.rows({ from: 2_000, to: 2_001 }, 0)).toMatchObject([{ prompt: 'Question 2000?' }]);
  await reader.close();
  const share = (taken - before) / file.length;
  if (offsetIndex) expect(share).toBeLessThan(0.1);
  else expect(share).toBeGreaterThan(0.5);
});

/** A table of prompts and answers in groups of rows; the first column of the first may say of itself how many bytes it has. */
function written({ offsetIndex, groups, rows, tornSize }: Written): Uint8Array {
  const names = ['prompt', 'answer'];
  const schema = [
    { name: 'root', num_children: 2 },
    ...names.map((name) => ({ name, type: 'BYTE_ARRAY', converted_type: 'UTF8' }) as const),
  ];
  const writer = new ByteWriter();
  const file = new ParquetWriter({ writer, schema });
  for (let group = 0; group < groups; group += 1) {
    const data = Array.from({ length: rows }, (_, row) => `Question ${group * rows + row}?`);
    const columnData = names.map((name) => ({ name, data, offsetIndex, encoding: 'PLAIN' as const }));
    void file.write({ columnData, rowGroupSize: rows, pageSize: 1024 });
  }
  const column = file.row_groups[0]?.columns[0]?.meta_data;
  if (column && tornSize) column.total_compressed_size = tornSize;
  void file.finish();
  return writer.getBytes();
}

interface Written {
  offsetIndex: boolean;
  groups: number;
  /** Of each group. */
  rows: number;
  tornSize?: bigint;
}

test('whatever numbers there are, shares keep their order and stay in [0, 1]', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: -2, max: 120, noNaN: true }), { minLength: 1 }), (values) => {
      const seen = values.reduce<ReturnType<typeof see> | undefined>((all, value) => see(all, value), undefined);
      const shares = [...values].sort((a, b) => a - b).map((value) => seen && shareOn(seen, value));
      const known = shares.filter((share) => share !== undefined);
      expect([0, values.length]).toContain(known.length);
      expect(known).toEqual([...known].sort((a, b) => a - b));
      expect(known.every((share) => share >= 0 && share <= 1)).toBe(true);
    }),
  );
});

test.each([
  ['Thumbs up', 1],
  ['GOOD', 1],
  ['👎', -1],
  ['-', -1],
  ['no', -1],
  ['wonderful', undefined],
  ['', undefined],
])('the word "%s" rates %s', (word, rating) => {
  expect(ratingIn(word)).toBe(rating);
});
