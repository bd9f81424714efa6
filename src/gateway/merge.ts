import { type Json, type JsonObject, isObject } from '../core/canonical.ts';

/** Strings that come whole in every delta that has them; every other string is a piece of a longer one. */
const whole = new Set(['role', 'type', 'id', 'object', 'model', 'format', 'signature_type']);
const nothing: ReadonlySet<string> = new Set();
/** Lists of what the model thought, whose entries come in pieces. */
const blockFields = new Set(['reasoning_details', 'thinking_blocks']);

/**
 * Adds a stream's delta to the message so far: texts grow, lists of numbered parts (tool calls) merge by `index`, other
 * lists grow, objects merge, everything else is replaced. A null never replaces a value.
 */
export function mergeDelta(target: JsonObject, delta: JsonObject): void {
  for (const key in delta) {
    const value = delta[key];
    if (value === undefined || key === '__proto__') continue;
    target[key] = mergeField(key, target[key], value);
  }
}

function mergeField(key: string, before: Json | undefined, value: Json): Json {
  if (key === 'tool_calls' && Array.isArray(value)) return mergeCalls(listOf(before), value);
  if (blockFields.has(key) && Array.isArray(value)) return mergeBlocks(listOf(before), value);
  if (key === 'content' && (Array.isArray(value) || Array.isArray(before))) return mergeParts(before, value);
  if (key === 'function_call' && isObject(value) && isObject(before)) return mergeFunction(before, value);
  return mergeValue(key, before, value);
}

/** Adds the fields of a chunk's choice but some of them: log probabilities grow, everything else is replaced. */
export function mergeExtra(target: JsonObject, fields: JsonObject, except: ReadonlySet<string> = nothing): void {
  for (const key in fields) {
    const value = fields[key];
    if (value === undefined || key === '__proto__' || except.has(key)) continue;
    const before = target[key];
    if (isObject(before) && isObject(value)) mergeExtra(before, value);
    else if (Array.isArray(before) && Array.isArray(value)) append(before, value);
    else if (value !== null || before === undefined) target[key] = copy(value);
  }
}

function mergeValue(key: string, before: Json | undefined, value: Json): Json {
  if (before === undefined || before === null) return copy(value);
  if (value === null) return before;
  if (typeof before === 'string' && typeof value === 'string') {
    return whole.has(key) || key.endsWith('_id') ? value : before + value;
  }
  if (Array.isArray(before) && Array.isArray(value)) return append(before, value);
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
    const at = placeOf(calls, index, fields);
    const call = calls[at];
    if (isObject(call)) mergeCall(call, fields);
    else {
      while (calls.length < at) calls.push({});
      calls[at] = copy(fields);
    }
  }
  return calls;
}

function placeOf(calls: readonly Json[], index: Json | undefined, fields: JsonObject): number {
  const { id } = fields;
  const last = calls.length - 1;
  if (typeof index === 'number' && Number.isInteger(index) && index >= 0 && index < 1_000) {
    // Some vendors number all calls of one answer with 0.
    return isOther(calls[index], fields) ? calls.length : index;
  }
  if (last < 0) return 0;
  if (typeof id !== 'string' || id === '') return isOver(calls[last]) && nameOf(fields) !== '' ? last + 1 : last;
  const known = calls.findIndex((call) => isObject(call) && call.id === id);
  return known === -1 ? calls.length : known;
}

/** Whether a piece with a name and an id of its own cannot belong to a call. */
function isOther(call: Json | undefined, piece: JsonObject): boolean {
  if (!isObject(call) || nameOf(piece) === '' || nameOf(call) === '') return false;
  return typeof piece.id === 'string' && piece.id !== '' && stringOf(call.id) !== '' && piece.id !== call.id;
}

/** Whether the arguments of a call are whole. */
function isOver(call: Json | undefined): boolean {
  if (!isObject(call) || !isObject(call.function)) return false;
  try {
    return isObject(JSON.parse(stringOf(call.function.arguments)));
  } catch {
    return false;
  }
}

function nameOf({ function: called }: JsonObject): string {
  return isObject(called) ? stringOf(called.name) : '';
}

function mergeCall(call: JsonObject, fields: JsonObject): void {
  const { function: called, id, ...others } = fields;
  if (typeof id === 'string' && id !== '') call.id = id;
  mergeDelta(call, others);
  if (!isObject(called)) return;
  const before = call.function;
  if (!isObject(before)) {
    call.function = copy(called);
    return;
  }
  mergeFunction(before, called);
}

function mergeFunction(before: JsonObject, called: JsonObject): JsonObject {
  // Some vendors repeat the name in every piece, others cut it up.
  const { name, ...rest } = called;
  if (typeof name === 'string' && name !== before.name) before.name = `${stringOf(before.name)}${name}`;
  mergeDelta(before, rest);
  return before;
}

/** A thought goes on in the block of its `index`; where blocks have none, in the last one, until that is signed. */
function mergeBlocks(blocks: Json[], pieces: readonly Json[]): Json[] {
  for (const piece of pieces) {
    const block = isObject(piece) ? blocks.findLast((before) => goesOn(before, piece, blocks.at(-1))) : undefined;
    if (isObject(block) && isObject(piece)) mergeDelta(block, piece);
    else blocks.push(copy(piece));
  }
  return blocks;
}

function goesOn(block: Json, piece: JsonObject, last: Json | undefined): boolean {
  if (!isObject(block) || block.type !== piece.type || block.index !== piece.index) return false;
  if (piece.index !== undefined) return true;
  return block === last && stringOf(block.signature) === '' && stringOf(block.data) === '';
}

/** Content that comes as parts at times: a part of text or of thoughts goes on in the one before it. */
function mergeParts(before: Json | undefined, value: Json): Json[] {
  const parts = partsOf(before);
  for (const piece of partsOf(value)) {
    const last = parts.at(-1);
    if (isObject(last) && isObject(piece) && last.type === piece.type) {
      if (typeof last.text === 'string' && typeof piece.text === 'string') {
        last.text += piece.text;
        continue;
      }
      if (Array.isArray(last.thinking) && Array.isArray(piece.thinking)) {
        last.thinking = mergeParts(last.thinking, piece.thinking);
        continue;
      }
    }
    parts.push(copy(piece));
  }
  return parts;
}

function partsOf(content: Json | undefined): Json[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  return listOf(content);
}

function stringOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

function listOf(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}

/** A copy that may be changed; texts and numbers are their own copies. */
function copy<T extends Json>(value: T): T {
  return typeof value === 'object' && value !== null ? structuredClone(value) : value;
}

function append(list: Json[], more: readonly Json[]): Json[] {
  for (const item of more) list.push(copy(item));
  return list;
}
