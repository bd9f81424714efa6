import type { Json } from '../../core/canonical.ts';

/** A field that should be a text; empty where it is none. */
export function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
