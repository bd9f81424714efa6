import { type Found, withoutOverlaps } from './kind.ts';
import { findAssigned } from './secrets/assignments.ts';
import { findPrivateKeys } from './secrets/private-keys.ts';
import { tokens } from './secrets/tokens.ts';

/** Keys, tokens, passwords and private keys. The key is the value. */
export function findSecrets(text: string): Found[] {
  return withoutOverlaps([...findPrivateKeys(text), ...findTokens(text), ...findAssigned(text)]);
}

/** No token is shorter, and few words are longer, so that only such runs are looked at. */
const runs = /[\w+/=.~:|-]{20,}/g;
/** Characters before a run that say whether a token may begin there. */
const before = 3;

function findTokens(text: string): Found[] {
  const found: Found[] = [];
  for (const { 0: run, index } of text.matchAll(runs)) {
    const from = Math.max(0, index - before);
    for (const { 0: key, index: at } of text.slice(from, index + run.length).matchAll(tokens)) {
      found.push({ start: from + at, end: from + at + key.length, key });
    }
  }
  return found;
}
