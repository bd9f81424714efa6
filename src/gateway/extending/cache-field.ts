import { type JsonObject, isObject } from '../../core/canonical.ts';
import { invalidField } from '../fields.ts';

/** A month, in seconds: what is older is not worth giving again. */
export const longestAge = 31 * 86_400;

/** Reads `cache`: `{"max_age": seconds}`, how old an answer to the same request may be; null when there is none. */
export function readCacheField({ cache }: JsonObject): number | null {
  if (cache === undefined || cache === null) return null;
  const age = isObject(cache) ? cache.max_age : undefined;
  if (typeof age === 'number' && age >= 0 && age <= longestAge) return age;
  throw invalidField('cache', `an object with "max_age" in seconds, from 0 to ${longestAge}`, 'cache.max_age');
}
