import { addTo, createBits, isIn } from './near/bits.ts';
import { type Slots, createSlots } from './slots.ts';

/** Keys by their numbers, counted up from 0 in the order in which they were added. */
export interface KeyList<Key> {
  count(): number;
  add(key: Key): void;
  /** Whether a key is the one with that number. */
  is(number: number, key: Key): boolean;
  equal(one: Key, other: Key): boolean;
  /** 32 bits of the key with that number, and of a key. */
  hashOf(number: number): number;
  hash(key: Key): number;
}

/** Numbers for keys: the same one for the same key. */
export interface Ids<Key> {
  idOf(key: Key): number;
  /** −1 where the key never came. */
  find(key: Key): number;
  /** The number of a key of which it is known that it never came. */
  add(key: Key): number;
  /** As `idOf` of each. Of few beside those that were added it takes one look at each of these, and no table of them. */
  idsOf(keys: readonly Key[]): Uint32Array;
  count(): number;
}

/** From this share on it is cheaper to make a table of all. */
const few = 1 / 8;
const [bitsForKey, mostBits] = [32, 23];

/** Gives numbers to the keys of a list. */
export function createIds<Key>(list: KeyList<Key>): Ids<Key> {
  /** Of the first so many keys. */
  const slots = createSlots();

  function add(key: Key): number {
    list.add(key);
    return list.count() - 1;
  }

  function findAll(key: Key): number {
    for (let number = slots.count(); number < list.count(); number += 1) slots.add(list.hashOf(number), number);
    return findIn(slots, key);
  }

  function findIn(table: Slots, key: Key): number {
    return table.find(list.hash(key), (number) => list.is(number, key));
  }

  function idOf(key: Key): number {
    const found = findAll(key);
    if (found >= 0) return found;
    slots.add(list.hash(key), list.count());
    return add(key);
  }

  /** Looks at every key that there is for those that are asked for. */
  function lookThrough(keys: readonly Key[]): Uint32Array {
    const asked = createSlots(keys.length);
    const bits = createBits(keys.length, bitsForKey, mostBits);
    /** For each key the place of the first that is equal. */
    const firsts = keys.map((key, at) => {
      const hash = list.hash(key);
      const first = asked.find(hash, (other) => list.equal(keys[other] as Key, key));
      if (first >= 0) return first;
      asked.add(hash, at);
      addTo(bits, hash);
      return at;
    });
    const numbers = new Map<number, number>();
    for (let number = 0; number < list.count(); number += 1) {
      const hash = list.hashOf(number);
      if (!isIn(bits, hash)) continue;
      const at = asked.find(hash, (other) => list.is(number, keys[other] as Key));
      if (at >= 0) numbers.set(at, number);
    }
    return Uint32Array.from(firsts, (first) => {
      const number = numbers.get(first) ?? add(keys[first] as Key);
      numbers.set(first, number);
      return number;
    });
  }

  return {
    idOf,
    find: findAll,
    add,
    idsOf(keys) {
      const isCheap = keys.length < (list.count() - slots.count()) * few;
      return isCheap ? lookThrough(keys) : Uint32Array.from(keys, idOf);
    },
    count: list.count,
  };
}
