import { type JsonObject, isObject } from '../../core/canonical.ts';
import { jsonItems } from './json-items.ts';
import { type ReadLine, jsonLines } from './json-lines.ts';
import { headOf } from './source.ts';
import type { ImportHead, ImportItem, ImportSource } from './types.ts';

/** A file of JSON objects: one on each line, all in one array, or in the `data` of what an API answered. */
export async function* jsonRows(source: ImportSource, read: ReadLine): AsyncGenerator<ImportItem> {
  const { isArray, text } = await headOf(source);
  const inData = isPage(text);
  if (!isArray && !inData) yield* jsonLines(source, read);
  else yield* jsonItems(source.bytes(), (row, at) => [read(row, at)].flat(), inData ? { key: 'data' } : {});
}

/** The first row of such a file, as far as its beginning tells. */
export function firstRow({ first, text }: ImportHead): JsonObject | null {
  if (!isPage(text)) return first;
  const [row] = Array.isArray(first?.data) ? first.data : [];
  return isObject(row) ? row : null;
}

function isPage(text: string): boolean {
  return /^\s*\{\s*"(data|meta)"\s*:\s*[[{]/.test(text);
}
