import { type Found, withoutOverlaps } from './kind.ts';
import { findAssigned } from './secrets/assignments.ts';
import { findPrivateKeys } from './secrets/private-keys.ts';
import { tokens } from './secrets/tokens.ts';

/** Keys, tokens, passwords and private keys. The key is the value. */
export function findSecrets(text: string): Found[] {
  return withoutOverlaps([...findPrivateKeys(text), ...findTokens(text), ...findAssigned(text)]);
}

function findTokens(text: string): Found[] {
  return [...text.matchAll(tokens)].map(({ 0: key, index }) => ({ start: index, end: index + key.length, key }));
}
