/** A JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/**
 * Canonical JSON: keys sorted by UTF-16 code unit, no white space, `undefined` members left out (RFC 8785, whose
 * number and string forms are those of `JSON.stringify`). Equal values give equal text, so that its hash names them.
 */
export function canonicalJson(value: unknown): string {
  // What is in order already, as most of ours is, needs no text for each of its members.
  return isOrdered(value) ? (JSON.stringify(value) ?? 'null') : orderedJson(value);
}

function orderedJson(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  let text = '';
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at += 1) text += `${at === 0 ? '' : ','}${orderedJson(value[at])}`;
    return `[${text}]`;
  }
  const members = value as Readonly<Record<string, unknown>>;
  // Without a function, strings are sorted by code unit.
  for (const key of Object.keys(value).sort()) {
    const member = members[key];
    if (member !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${orderedJson(member)}`;
  }
  return `{${text}}`;
}

/** Whether the keys of all its objects come by code unit. */
function isOrdered(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return true;
  if (Array.isArray(value)) return value.every(isOrdered);
  let last = '';
  for (const key in value) {
    if (key < last || !isOrdered((value as Readonly<Record<string, unknown>>)[key])) return false;
    last = key;
  }
  return true;
}

/** Whether a value is a plain JSON object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
