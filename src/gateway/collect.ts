import { type JsonObject, isObject } from '../core/canonical.ts';
import { indexOf, withRole } from '../core/choices.ts';
import type { ChoiceRecord } from '../store/types.ts';
import { mergeDelta, mergeExtra } from './merge.ts';

/** Puts a stream's chunks together to the answer that the same call without a stream would have given. */
export interface Collector {
  add(chunk: JsonObject): void;
  /** What came so far, by index; later chunks change it. */
  choices(): ChoiceRecord[];
  /** How many choices have begun. */
  count(): number;
  /** Every field of the chunks but `choices`, the last one that was not null; null before the first chunk. */
  response(): JsonObject | null;
  /** Whether so many choices, and every one that began, have a finish reason. */
  finished(expected: number): boolean;
  /** Whether any text, reasoning or tool call has come. */
  started(): boolean;
}

interface Growing {
  message: JsonObject;
  finishReason: string | null;
  extra: JsonObject;
}

/** Fields of a chunk that the answer has elsewhere, or not at all: padding hides how long a piece is. */
const leftOut: ReadonlySet<string> = new Set(['choices', 'obfuscation', '__proto__']);
/** Fields of a chunk's choice that have a place of their own. */
const ownFields: ReadonlySet<string> = new Set(['index', 'delta', 'message', 'finish_reason']);

/** Creates the collector of one stream. */
export function createCollector(): Collector {
  const growing = new Map<number, Growing>();
  let response: JsonObject | null = null;
  let started = false;
  /** How many choices have a finish reason. */
  let over = 0;

  function addChoice(choice: JsonObject, position: number): void {
    const { index, delta, message, finish_reason: finish } = choice;
    const at = indexOf(index, position);
    const entry = growing.get(at) ?? { message: {}, finishReason: null, extra: {} };
    growing.set(at, entry);
    const piece = isObject(delta) ? delta : message;
    if (isObject(piece)) {
      mergeDelta(entry.message, piece);
      if (!started) started = hasContent(piece);
    }
    if (typeof finish === 'string' && finish !== '') {
      if (entry.finishReason === null) over += 1;
      entry.finishReason = finish;
    }
    mergeExtra(entry.extra, choice, ownFields);
  }

  return {
    add(chunk) {
      const { choices } = chunk;
      response ??= {};
      for (const key in chunk) {
        const value = chunk[key];
        if (value === undefined || leftOut.has(key)) continue;
        if (value !== null || !(key in response)) response[key] = value;
      }
      if (!Array.isArray(choices)) return;
      for (const [position, choice] of choices.entries()) if (isObject(choice)) addChoice(choice, position);
    },
    choices: () =>
      [...growing.entries()]
        .sort(([a], [b]) => a - b)
        .map(([index, { message, finishReason, extra }]) => ({
          index,
          message: withRole(message),
          finishReason,
          extra,
        })),
    response: () => response,
    finished: (expected) => over > 0 && growing.size >= expected && over === growing.size,
    count: () => growing.size,
    started: () => started,
  };
}

function hasContent(piece: JsonObject): boolean {
  return Object.entries(piece).some(
    ([key, value]) =>
      key !== 'role' && ((typeof value === 'string' && value !== '') || (Array.isArray(value) && value.length > 0)),
  );
}
