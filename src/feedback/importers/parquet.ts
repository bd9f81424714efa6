import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import {
  type AsyncBuffer,
  type Compressors,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from 'hyparquet';
import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import { asRatchetError } from '../../core/errors.ts';
import { alpacaItems, isAlpacaRow } from './alpaca.ts';
import { isSharegptRow, sharegptItems } from './sharegpt.ts';
import { type Judged, headerOf, isTable, judge, tableItem } from './table-rows.ts';
import { isTrlRow, trlItems } from './trl.ts';
import type { ImportItem, ImportSource, Importer, LeftOut } from './types.ts';

/** What the library does not unpack itself; nothing may become longer than the file says. */
const compressors: Compressors = {
  GZIP: (packed, maxOutputLength) => gunzipSync(packed, { maxOutputLength }),
  BROTLI: (packed, maxOutputLength) => brotliDecompressSync(packed, { maxOutputLength }),
  ZSTD: (packed, maxOutputLength) => zstdDecompressSync(packed, { maxOutputLength }),
};

/** How much is held at a time, in bytes before packing: each look reads a group's columns from their beginning. */
const bytesAtOnce = 64 * 2 ** 20;
const fewestRows = 500;

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
  const table = await openTable(source);
  if ('kind' in table) {
    yield table;
    return;
  }
  const { file, metadata, names } = table;
  const header = headerOf(names);
  const training = trainingItems(names);
  if (!training && !isTable(header)) {
    yield noColumns(source.name);
    return;
  }
  const judged: Judged = {};
  const judging = [header.rating, header.score].filter((name) => name !== undefined);
  if (!training && judging.length > 0) {
    for await (const { row } of rowsOf(file, metadata, judging)) if (row) judge(judged, header, row);
  }
  for await (const { row, at, fault } of rowsOf(file, metadata)) {
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

interface Table {
  file: AsyncBuffer;
  metadata: FileMetaData;
  names: string[];
}

async function openTable(source: ImportSource): Promise<Table | LeftOut> {
  const file: AsyncBuffer = {
    byteLength: source.size,
    async slice(from, to = source.size) {
      const bytes = await source.slice(from, to);
      return Uint8Array.from(bytes).buffer;
    },
  };
  try {
    const metadata = await parquetMetadataAsync(file);
    return { file, metadata, names: parquetSchema(metadata).children.map(({ element }) => element.name) };
  } catch {
    return { kind: 'left-out', at: source.name, reason: 'not Parquet', detail: 'It is not whole: get it once more.' };
  }
}

interface Row {
  at: string;
  row?: JsonObject;
  fault: string;
}

/** Some rows at a time. What cannot be read is left out with the rest of its group of rows, and reading goes on behind it. */
async function* rowsOf(file: AsyncBuffer, metadata: FileMetaData, columns?: string[]): AsyncGenerator<Row> {
  let groupStart = 0;
  for (const group of metadata.row_groups) {
    const groupEnd = groupStart + Number(group.num_rows);
    const share = bytesAtOnce / Math.max(1, Number(group.total_byte_size));
    const rowsAtOnce = Math.max(fewestRows, Math.ceil(Number(group.num_rows) * share));
    for (let from = groupStart; from < groupEnd; from += rowsAtOnce) {
      const to = Math.min(from + rowsAtOnce, groupEnd);
      const read = { file, metadata, compressors, rowStart: from, rowEnd: to, ...(columns && { columns }) };
      const rows = await parquetReadObjects(read).catch((error: unknown) => error);
      if (!Array.isArray(rows)) {
        const fault =
          rows instanceof Error && rows.message !== '' ? rows.message.slice(0, 500) : 'They cannot be read.';
        yield { at: `rows ${from + 1} to ${groupEnd}`, fault };
        break;
      }
      for (const [at, row] of rows.entries()) yield { at: `row ${from + at + 1}`, row: objectOf(row), fault: '' };
    }
    groupStart = groupEnd;
  }
}

function objectOf(row: unknown): JsonObject {
  const value = jsonOf(row);
  return isObject(value) ? value : {};
}

/** A cell as JSON: whole numbers of 64 bits are numbers, times are texts. */
function jsonOf(value: unknown): Json {
  if (typeof value === 'bigint') return Number(value);
  if (value === null || value === undefined || typeof value === 'function' || typeof value === 'symbol') return null;
  if (typeof value !== 'object') return value as Json;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (ArrayBuffer.isView(value)) return null;
  if (Array.isArray(value)) return value.map(jsonOf);
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, jsonOf(field)]));
}
