import { type JsonObject, isObject } from '../../core/canonical.ts';
import { asRatchetError } from '../../core/errors.ts';
import { splitItems } from './json-split.ts';
import type { ImportItem } from './types.ts';

/** What one item says. It throws InvalidInput with the fault where it cannot be read. */
export type ReadItem = (item: JsonObject, at: string) => Iterable<ImportItem>;

export interface JsonItemsOptions {
  /** The file that the items are counted in, for the report; without it they are `item 3`. */
  name?: string;
  /** The list stands in the file's one object, under this name. */
  key?: string;
}

/** What the objects of a JSON list say. Memory holds one of them; what cannot be read is left out, and reading goes on. */
export async function* jsonItems(
  bytes: AsyncIterable<Uint8Array>,
  read: ReadItem,
  { name, key }: JsonItemsOptions = {},
): AsyncGenerator<ImportItem> {
  let number = 0;
  for await (const { text, fault } of splitItems(bytes, key)) {
    number += 1;
    const at = name === undefined ? `item ${number}` : `${name}#${number}`;
    if (fault !== undefined) yield { kind: 'left-out', at, reason: 'not JSON', detail: fault };
    else yield* itemsOf(text, at, read);
  }
}

/** What one item says that is there as text. */
export function* itemsOf(text: string, at: string, read: ReadItem): Generator<ImportItem> {
  const value = parse(text);
  if (!isObject(value)) {
    yield { kind: 'left-out', at, reason: value === undefined ? 'not JSON' : 'no JSON object' };
    return;
  }
  try {
    yield* read(value, at);
  } catch (error) {
    const detail = asRatchetError(error).message.slice(0, 2000);
    yield { kind: 'left-out', at, reason: 'not of this format', detail };
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
