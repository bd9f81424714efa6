import { type Ids, createIds } from './ids.ts';
import { withRoom } from './with-room.ts';

/** A key of 128 bits: four numbers that stand among others. */
export interface PromptKey {
  words: Uint32Array;
  at: number;
}

/** Numbers for keys of 128 bits: the same one for the same key, counted up from 0. */
export type KeyIds = Ids<PromptKey>;

const words = 4;
const firstRoom = 1024;

/** Creates an empty table, some 40 bytes for a key: a map of strings takes three times as many. */
export function createKeyIds(): KeyIds {
  let keys = new Uint32Array(firstRoom * words);
  let count = 0;
  const equal = (one: PromptKey, other: PromptKey): boolean => {
    for (let word = 0; word < words; word += 1)
      if (one.words[one.at + word] !== other.words[other.at + word]) return false;
    return true;
  };
  return createIds({
    count: () => count,
    add(key) {
      if ((count + 1) * words > keys.length) {
        keys = withRoom(keys, keys.length * 2);
      }
      for (let word = 0; word < words; word += 1) keys[count * words + word] = key.words[key.at + word] as number;
      count += 1;
    },
    is: (number, key) => equal({ words: keys, at: number * words }, key),
    equal,
    // Keys are hashes, so that any of their bits are as good.
    hashOf: (number) => keys[number * words] as number,
    hash: (key) => key.words[key.at] as number,
  });
}

/** A key that is given as 16 bytes of latin1. */
export function keyOf(text: string): PromptKey {
  const bytes = new ArrayBuffer(words * Uint32Array.BYTES_PER_ELEMENT);
  Buffer.from(bytes).write(text, 'latin1');
  return { words: new Uint32Array(bytes), at: 0 };
}
