import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';

/** A whole number of at least one, also where it was written as a text; undefined when it is none. */
export function countOf(value: Json | undefined): number | undefined {
  const number = typeof value === 'string' ? Number(value) : value;
  return typeof number === 'number' && Number.isInteger(number) && number > 0 ? number : undefined;
}

/** The first of these fields that holds a count. */
export function firstCount(fields: JsonObject, names: readonly string[]): number | undefined {
  return names.map((name) => countOf(fields[name])).find((count) => count !== undefined);
}

/** A field that is an object; an empty one when it is not. */
export function objectOf(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}

/** The texts of a list; null when it is no list. */
export function textsOf(value: Json | undefined): string[] | null {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : null;
}

/** True or false as it was said, else nothing. */
export function flagOf(value: Json | undefined): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}

/** The fields that have a value. */
export function told<T extends object>(fields: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]?: Exclude<T[Key], undefined>;
  };
}
