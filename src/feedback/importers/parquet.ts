import type { Json, JsonObject } from '../../core/canonical.ts';
import { asRatchetError } from '../../core/errors.ts';
import { alpacaItems, isAlpacaRow } from './alpaca.ts';
import { type ParquetReader, openParquet } from './parquet-reader.ts';
import type { ParquetGroup, ParquetTable } from './parquet-protocol.ts';
import { isSharegptRow, sharegptItems } from './sharegpt.ts';
import { type Judged, headerOf, isTable, judge, tableItem } from './table-rows.ts';
import { isTrlRow, trlItems } from './trl.ts';
import type { ImportItem, ImportSource, Importer, LeftOut } from './types.ts';

/** How much is held at a time, in bytes before packing: each look reads a group's columns from their beginning. */
const bytesAtOnce = 64 * 2 ** 20;
/** The largest group of rows without an index of its pages, by what is held at once to read any of its rows, in bytes. */
const mostHeld = 2 ** 30;
const fewestRows = 500;
const mostRows = 1_000_000;
/** How many times shorter packing makes a text at most, to bound what a torn file says of its length. */
const mostPacked = 64;

/** Tables of Parquet, as data sets are published: the columns of a CSV table, or those of a training file. */
export const parquet: Importer = {
  format: 'parquet',
  title: 'Parquet',
  description:
    'a table of prompt and answer as for csv, or of messages, conversations, or prompt with chosen and rejected',
  recognises: ({ text }) => text.startsWith('PAR1'),
  read: readParquet,
};

async function* readParquet(source: ImportSource): AsyncGenerator<ImportItem> {
  const reader = openParquet(source);
  try {
    const table = await reader.table();
    if (typeof table === 'string') yield notWhole(source.name);
    else yield* itemsIn(reader, table, source);
  } finally {
    await reader.close();
  }
}

async function* itemsIn(
  reader: ParquetReader,
  { names, groups }: ParquetTable,
  { name, size }: ImportSource,
): AsyncGenerator<ImportItem> {
  const header = headerOf(names);
  const training = trainingItems(names);
  if (!training && !isTable(header)) {
    yield noColumns(name);
    return;
  }
  const judged: Judged = {};
  const judging = [header.rating, header.score].filter((column) => column !== undefined);
  if (!training && judging.length > 0) {
    for await (const { row } of rowsOf(reader, groups, size, judging)) if (row) judge(judged, header, row);
  }
  for await (const { row, at, fault } of rowsOf(reader, groups, size)) {
    if (!row) yield { kind: 'left-out', at, reason: 'not Parquet', detail: fault };
    else yield* training ? taught(training, row, at) : [tableItem(row, at, { format: 'parquet', header, judged })];
  }
}

type ReadRow = (row: JsonObject, at: string, format: string) => ImportItem[];

/** What reads the rows of a training file; nothing for a table. */
function trainingItems(names: readonly string[]): ReadRow | null {
  const like = Object.fromEntries(
    names.map((name): [string, Json] => [name, name === 'instruction' ? '' : [{ from: '' }]]),
  );
  if (isSharegptRow(like)) return sharegptItems;
  if (isTrlRow(like) || 'messages' in like) return trlItems;
  return isAlpacaRow(like) ? alpacaItems : null;
}

function taught(read: ReadRow, row: JsonObject, at: string): ImportItem[] {
  try {
    return read(row, at, 'parquet');
  } catch (error) {
    return [
      { kind: 'left-out', at, reason: 'not of this format', detail: asRatchetError(error).message.slice(0, 2000) },
    ];
  }
}

function noColumns(at: string): LeftOut {
  const detail = 'Name its columns prompt and answer, or messages, or prompt, chosen and rejected.';
  return { kind: 'left-out', at, reason: 'no columns that are known', detail };
}

function notWhole(at: string): LeftOut {
  return { kind: 'left-out', at, reason: 'not Parquet', detail: 'It is not whole: get it once more.' };
}

interface Row {
  at: string;
  row?: JsonObject;
  fault: string;
}

function tooLarge(held: number): string {
  const [mib, most] = [held, mostHeld].map((bytes) => Math.ceil(bytes / 2 ** 20));
  return `This group of rows takes ${mib} MiB at once, above ${most}: write the file with smaller groups (row_group_size), or with an index of its pages.`;
}

const fewerRows = 'There are fewer rows than the file says: get it once more.';

/** Some rows at a time. What cannot be read is left out with the rest of its group of rows, and reading goes on behind it. */
async function* rowsOf(
  reader: ParquetReader,
  groups: readonly ParquetGroup[],
  size: number,
  columns?: string[],
): AsyncGenerator<Row> {
  let groupStart = 0;
  for (const group of groups) {
    if (!group.isWhole) {
      // Where the next one begins is not known either.
      yield { at: `rows from ${groupStart + 1}`, fault: fewerRows };
      return;
    }
    yield* rowsOfGroup(reader, group, { groupStart, size, ...(columns && { columns }) });
    groupStart += group.rows;
  }
}

async function* rowsOfGroup(
  reader: ParquetReader,
  { rows: count, bytes, held }: ParquetGroup,
  { groupStart, size, columns }: { groupStart: number; size: number; columns?: string[] },
): AsyncGenerator<Row> {
  const end = groupStart + count;
  if (held > mostHeld) {
    yield { at: `rows ${groupStart + 1} to ${end}`, fault: tooLarge(held) };
    return;
  }
  const rowsAtOnce = Math.max(fewestRows, Math.ceil(count * (bytesAtOnce / Math.max(1, bytes))));
  const step = Math.min(rowsAtOnce, mostRows);
  for (let from = groupStart; from < end; from += step) {
    const to = Math.min(from + step, end);
    const rows = await reader.rows({ from, to, ...(columns && { columns }) }, Math.min(bytes, size * mostPacked));
    if (typeof rows === 'string') {
      yield { at: `rows ${from + 1} to ${end}`, fault: rows };
      return;
    }
    for (const [at, row] of rows.entries()) yield { at: `row ${from + at + 1}`, row, fault: '' };
    if (rows.length < to - from) {
      yield { at: `rows ${from + rows.length + 1} to ${end}`, fault: fewerRows };
      return;
    }
  }
}
