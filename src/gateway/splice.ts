import { type Json, isObject } from '../core/canonical.ts';

/** Where the value of a member stands in a JSON text: `[start, end)`. */
type Span = readonly [start: number, end: number];

const quote = 0x22;
const backslash = 0x5c;

/**
 * Sets a member of the object that a JSON text holds, without touching a byte of anything else: numbers, key order and
 * white space stay as they were written. Where the key is written twice, both get the value, since readers differ in
 * which they take. A key that is not there is put first. `text` must be one that `JSON.parse` takes
 * for an object, `key` one without a backslash.
 */
export function setMember(text: string, key: string, value: string): string {
  const spans = memberSpans(text, key);
  if (spans.length === 0) return insertMember(text, key, value);
  let out = '';
  let from = 0;
  for (const [start, end] of spans) {
    out += text.slice(from, start) + value;
    from = end;
  }
  return out + text.slice(from);
}

/**
 * {@link setMember} for many texts, one after the other, that begin alike, as the frames of a stream do: those that begin
 * with the member, as the one before them did, are not taken apart again.
 */
export function createSetter(key: string, value: string): (text: string) => string {
  const written = JSON.stringify(key);
  /** How the last text began, up to the end of the member's value. */
  let beginning = '';
  let replaced = '';

  return (text) => {
    if (beginning !== '' && text.startsWith(beginning) && !mayHold(text, written, beginning.length)) {
      return replaced + text.slice(beginning.length);
    }
    const [span] = memberSpans(text, key);
    // What ends in a quote goes on in no other way.
    const begins = span !== undefined && text.charCodeAt(span[1] - 1) === quote;
    beginning = begins ? text.slice(0, span[1]) : '';
    replaced = begins ? text.slice(0, span[0]) + value : '';
    return setMember(text, key, value);
  };
}

/** Whether a key may stand in a text from a place on, plain or with letters escaped. */
function mayHold(text: string, written: string, from: number): boolean {
  return text.includes(written, from) || text.includes('\\u', from);
}

/** Sets a member of a member: `{"a":{"b":value}}`. What `a` held is kept when it was an object, else replaced. */
export function setNestedMember(text: string, [outer, inner]: readonly [string, string], value: string): string {
  const [start, end] = memberSpans(text, outer).at(-1) ?? [0, 0];
  const before = text.slice(start, end);
  const kept = isObject(parseOr(before, null)) ? before : '{}';
  return setMember(text, outer, setMember(kept, inner, value));
}

/** How deep arrays and objects are nested in a JSON text. */
export function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) at = endOfString(text, at) - 1;
    else if (code === 0x7b || code === 0x5b) {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (code === 0x7d || code === 0x5d) depth -= 1;
  }
  return deepest;
}

/** Where the values of a key of the outermost object stand, in order. */
function memberSpans(text: string, key: string): Span[] {
  const spans: Span[] = [];
  let at = skipSpace(text, text.indexOf('{') + 1);
  while (text.charCodeAt(at) === quote) {
    const keyEnd = endOfString(text, at);
    const start = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const end = endOfValue(text, start);
    if (isKey(text, at, keyEnd, key)) spans.push([start, end]);
    // Past the comma, or on the closing brace, which ends the loop.
    at = skipSpace(text, skipSpace(text, end) + 1);
  }
  return spans;
}

function isKey(text: string, start: number, end: number, key: string): boolean {
  if (end - start === key.length + 2) return text.startsWith(key, start + 1);
  const written = text.slice(start, end);
  return written.includes('\\') && JSON.parse(written) === key;
}

function endOfValue(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === quote) return endOfString(text, start);
  if (first !== 0x7b && first !== 0x5b) return endOfWord(text, start);
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) at = endOfString(text, at) - 1;
    else if (code === 0x7b || code === 0x5b) depth += 1;
    else if ((code === 0x7d || code === 0x5d) && --depth === 0) return at + 1;
  }
  return text.length;
}

/** The place after a number, `true`, `false` or `null`. */
function endOfWord(text: string, start: number): number {
  let at = start;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === 0x2c || code === 0x7d || code === 0x5d || isSpace(code)) break;
    at += 1;
  }
  return at;
}

/** The place after the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  let at = start;
  for (;;) {
    at = text.indexOf('"', at + 1);
    if (at === -1) return text.length;
    let before = at - 1;
    while (text.charCodeAt(before) === backslash) before -= 1;
    if ((at - before) % 2 === 1) return at + 1;
  }
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (isSpace(text.charCodeAt(at))) at += 1;
  return at;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

function insertMember(text: string, key: string, value: string): string {
  const at = text.indexOf('{') + 1;
  const comma = text.charCodeAt(skipSpace(text, at)) === 0x7d ? '' : ',';
  return `${text.slice(0, at)}${JSON.stringify(key)}:${value}${comma}${text.slice(at)}`;
}

function parseOr(text: string, otherwise: Json): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return otherwise;
  }
}
