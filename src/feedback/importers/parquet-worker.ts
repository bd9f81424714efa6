// Reads a Parquet file in a thread of its own: a torn one can make the library go round for ever, or fill the memory.
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { parentPort, workerData } from 'node:worker_threads';
import {
  type AsyncBuffer,
  type ColumnChunk,
  type Compressors,
  type FileMetaData,
  type RowGroup,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from 'hyparquet';
import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import type { FromWorker, ParquetGroup, RowsRequest, ToWorker } from './parquet-protocol.ts';

/** What the library does not unpack itself; nothing may become longer than the file says. */
const compressors: Compressors = {
  GZIP: (packed, maxOutputLength) => gunzipSync(packed, { maxOutputLength }),
  BROTLI: (packed, maxOutputLength) => brotliDecompressSync(packed, { maxOutputLength }),
  ZSTD: (packed, maxOutputLength) => zstdDecompressSync(packed, { maxOutputLength }),
};

const waiting = new Map<number, (bytes: ArrayBuffer) => void>();
let lastId = 0;
let known: FileMetaData | null = null;

/** The file, of which the other side has the bytes. */
const file: AsyncBuffer = {
  byteLength: workerData as number,
  slice(from, to = workerData as number) {
    lastId += 1;
    const id = lastId;
    say({ kind: 'need', id, from, to });
    return new Promise((resolve) => waiting.set(id, resolve));
  },
};

parentPort?.on('message', (message: ToWorker) => {
  if (message.kind === 'bytes') {
    waiting.get(message.id)?.(message.bytes);
    waiting.delete(message.id);
  } else void answer(message);
});

async function answer(message: Exclude<ToWorker, { kind: 'bytes' }>): Promise<void> {
  try {
    const metadata = (known ??= await parquetMetadataAsync(file));
    if (message.kind === 'rows') return say({ kind: 'rows', rows: await rowsOf(metadata, message) });
    const names = parquetSchema(metadata).children.map(({ element }) => element.name);
    say({ kind: 'table', names, groups: metadata.row_groups.map(groupOf) });
  } catch (error) {
    const isTold = error instanceof Error && error.message !== '';
    say({ kind: 'fault', fault: isTold ? error.message.slice(0, 500) : 'They cannot be read.' });
  }
}

function say(message: FromWorker): void {
  parentPort?.postMessage(message);
}

/** Rows as JSON; fewer than were asked for where the file holds no more. */
async function rowsOf(metadata: FileMetaData, { from, to, columns }: RowsRequest): Promise<JsonObject[]> {
  // With an index of its pages, which not every writer makes, of a group no more is read than the rows that are asked for.
  const reading = { file, metadata, compressors, useOffsetIndex: true };
  const options = { ...reading, rowStart: from, rowEnd: to, ...(columns && { columns }) };
  const rows = await parquetReadObjects(options);
  const end = rows.findIndex((row) => Object.values(row).every((cell) => cell === undefined));
  return rows.slice(0, end === -1 ? rows.length : end).map(objectOf);
}

/**
 * A group of rows. Each column has a value for every row, nulls and empty lists among them (ColumnMetaData.num_values in
 * parquet.thrift): a count that was torn would otherwise be as many rows of nothing.
 */
function groupOf({ num_rows: rows, total_byte_size: bytes, columns }: RowGroup): ParquetGroup {
  const isWhole = columns.every(({ meta_data: column }) => column === undefined || column.num_values >= rows);
  const held = columns.reduce((sum, column) => sum + heldOf(column), 0);
  return { rows: Number(rows), bytes: Number(bytes), held, isWhole: isWhole && rows >= 0 };
}

/**
 * Of a column without an index of its pages all bytes are read, and where it is nested all of them are unpacked, into objects of
 * about twice their size.
 */
function heldOf({ meta_data: column, offset_index_offset: index }: ColumnChunk): number {
  if (column === undefined || (index !== undefined && index > 0n)) return 0;
  const packed = Number(column.total_compressed_size);
  return column.path_in_schema.length === 1 ? packed : packed + 2 * Number(column.total_uncompressed_size);
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
