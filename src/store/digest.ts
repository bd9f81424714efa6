import { createHash } from 'node:crypto';
import { canonicalJson } from '../core/canonical.ts';

/** SHA-256 in lower-case hex. A string is hashed as UTF-8. */
export function sha256Hex(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** SHA-256 of a value's canonical JSON: equal values have equal digests. */
export function digestJson(value: unknown): string {
  return sha256Hex(canonicalJson(value));
}

/** Whether a text has the form of {@link sha256Hex}. */
export function isDigest(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}
