import { jsonItems } from './json-items.ts';
import { type ReadLine, jsonLines } from './json-lines.ts';
import { headOf } from './source.ts';
import type { ImportItem, ImportSource } from './types.ts';

/** A file of JSON objects: one on each line, or all in one array. */
export async function* jsonRows(source: ImportSource, read: ReadLine): AsyncGenerator<ImportItem> {
  const { isArray } = await headOf(source);
  yield* isArray ? jsonItems(source.bytes(), (row, at) => [read(row, at)].flat()) : jsonLines(source, read);
}
