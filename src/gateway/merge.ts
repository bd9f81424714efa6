import { type Json, type JsonObject, isObject } from '../core/canonical.ts';

/** Strings that come whole in every delta that has them; every other string is a piece of a longer one. */
const whole = new Set(['role', 'type', 'id', 'object', 'model', 'format', 'signature_type']);

/**
 * Adds a stream's delta to the message so far: texts grow, lists of numbered parts (tool calls) merge by `index`, other
 * lists grow, objects merge, everything else is replaced. A null never replaces a value.
 */
export function mergeDelta(target: JsonObject, delta: JsonObject): void {
  for (const [key, value] of Object.entries(delta)) {
    if (key === '__proto__') continue;
    if (key === 'tool_calls' && Array.isArray(value)) target[key] = mergeCalls(listOf(target[key]), value);
    else target[key] = mergeValue(key, target[key], value);
  }
}

/** Adds the fields of a chunk's choice that are not the delta: log probabilities grow, everything else is replaced. */
export function mergeExtra(target: JsonObject, fields: JsonObject): void {
  for (const [key, value] of Object.entries(fields)) {
    if (key === '__proto__') continue;
    const before = target[key];
    if (isObject(before) && isObject(value)) mergeExtra(before, value);
    else if (Array.isArray(before) && Array.isArray(value)) target[key] = [...before, ...value];
    else if (value !== null || before === undefined) target[key] = structuredClone(value);
  }
}

function mergeValue(key: string, before: Json | undefined, value: Json): Json {
  if (before === undefined || before === null) return structuredClone(value);
  if (value === null) return before;
  if (typeof before === 'string' && typeof value === 'string') {
    return whole.has(key) || key.endsWith('_id') ? value : before + value;
  }
  if (Array.isArray(before) && Array.isArray(value)) return [...before, ...structuredClone(value)];
  if (isObject(before) && isObject(value)) {
    mergeDelta(before, value);
    return before;
  }
  return value;
}

/** Pieces of tool calls carry an `index`; a piece without one begins a call when its id is new, else goes on with the last. */
function mergeCalls(calls: Json[], pieces: readonly Json[]): Json[] {
  for (const piece of pieces) {
    if (!isObject(piece)) continue;
    const { index, ...fields } = piece;
    const at = placeOf(calls, index, fields.id);
    const call = calls[at];
    if (isObject(call)) mergeCall(call, fields);
    else {
      while (calls.length < at) calls.push({});
      calls[at] = structuredClone(fields);
    }
  }
  return calls;
}

function placeOf(calls: readonly Json[], index: Json | undefined, id: Json | undefined): number {
  if (typeof index === 'number' && Number.isInteger(index) && index >= 0 && index < 1_000) return index;
  const last = calls.length - 1;
  if (last < 0) return 0;
  if (typeof id !== 'string' || id === '') return last;
  const known = calls.findIndex((call) => isObject(call) && call.id === id);
  return known === -1 ? calls.length : known;
}

function mergeCall(call: JsonObject, fields: JsonObject): void {
  const { function: called, id, ...others } = fields;
  if (typeof id === 'string' && id !== '') call.id = id;
  mergeDelta(call, others);
  if (!isObject(called)) return;
  const before = call.function;
  if (!isObject(before)) {
    call.function = structuredClone(called);
    return;
  }
  // Some vendors repeat the name in every piece, others cut it up.
  const { name, ...rest } = called;
  if (typeof name === 'string' && name !== before.name) before.name = `${stringOf(before.name)}${name}`;
  mergeDelta(before, rest);
}

function stringOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

function listOf(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}
