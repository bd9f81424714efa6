import { type JsonObject, isObject } from '../../core/canonical.ts';
import { asRatchetError } from '../../core/errors.ts';
import { readLines } from './lines.ts';
import type { ImportItem, ImportSource } from './types.ts';

/** What one line says. It throws InvalidInput with the fault where it cannot be read. */
export type ReadLine = (line: JsonObject, at: string) => ImportItem | ImportItem[];

/** A file with one JSON object on each line. */
export async function* jsonLines(source: ImportSource, read: ReadLine): AsyncGenerator<ImportItem> {
  let number = 0;
  for await (const line of readLines(source.bytes())) {
    number += 1;
    if (line === '') continue;
    const at = `line ${number}`;
    yield* itemsOf(line, at, read);
  }
}

function itemsOf(line: string, at: string, read: ReadLine): ImportItem[] {
  const value = parse(line);
  if (!isObject(value)) return [{ kind: 'left-out', at, reason: 'no JSON object' }];
  try {
    return [read(value, at)].flat();
  } catch (error) {
    return [{ kind: 'left-out', at, reason: 'not of this format', detail: asRatchetError(error).message }];
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return null;
  }
}
