import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';

/** The input of a call is an object. What a model wrote and is none is told as such, so that it can see its fault. */
export function inputOf(args: Json | undefined): JsonObject {
  if (isObject(args)) return args;
  const text = typeof args === 'string' ? args : '';
  if (text.trim() === '') return {};
  try {
    const input: unknown = JSON.parse(text);
    if (isObject(input)) return input;
  } catch {
    // Said below.
  }
  return { INVALID_JSON: text };
}
