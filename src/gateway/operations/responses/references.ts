import { type Json, type JsonObject, isObject } from '../../../core/canonical.ts';
import type { CompletionRecord } from '../../../store/types.ts';
import type { FindRecord } from '../../ports.ts';
import { refused } from './input.ts';
import { logprobsOf, outputOf, styleOf } from './output.ts';

/** Ids of items are made of the completion's: see `output.ts`. */
const itemId = /^(?:msg|fc|rs)_([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})_/;

/** Whether an input refers to items of answers that were given before. */
export function hasReferences(body: unknown): body is JsonObject & { input: Json[] } {
  return isObject(body) && Array.isArray(body.input) && body.input.some(isReference);
}

/**
 * The input with the items that it refers to: a library that takes answers for kept sends only their ids. InvalidInput
 * for an item that is not in the record.
 */
export async function putInReferences(input: readonly Json[], find: FindRecord): Promise<Json[]> {
  const known = new Map<string, Promise<JsonObject[]>>();
  const itemsOf = (completion: string): Promise<JsonObject[]> => {
    const items = known.get(completion) ?? find(completion).then(outputOfRecord);
    known.set(completion, items);
    return items;
  };
  return Promise.all(
    input.map(async (item, at) => {
      if (!isReference(item)) return item;
      const completion = typeof item.id === 'string' ? itemId.exec(item.id)?.[1] : undefined;
      const items = completion === undefined ? [] : await itemsOf(completion);
      const found = items.find(({ id }) => id === item.id);
      if (found) return found;
      const advice = 'send the item itself, or leave store out, so that answers are recorded';
      throw refused(`input.${at} refers to an item that is not in the record: ${advice}.`, `input.${at}.id`);
    }),
  );
}

/** A reference may be as short as its id. */
function isReference(item: Json): item is JsonObject {
  if (!isObject(item)) return false;
  return (
    item.type === 'item_reference' || (item.type === undefined && item.role === undefined && item.id !== undefined)
  );
}

function outputOfRecord(record: CompletionRecord | null): JsonObject[] {
  const choice = record?.kind === 'responses' ? record.choices.find(({ index }) => index === 0) : undefined;
  if (!record || !choice) return [];
  return outputOf(choice.message, logprobsOf(choice.extra), styleOf(record.envelope, record.id));
}
