/** Numbers for keys of 128 bits: the same one for the same key, counted up from 0 in the order in which they came. */
export interface KeyIds {
  /** `key` has 16 bytes, as latin1. */
  idOf(key: string): number;
  /** The same of a key that stands as four numbers, little end first, among others. */
  idAt(words: Uint32Array, at: number): number;
}

const words = 4;
const firstRoom = 1024;
/** How full the table may be. */
const fullest = 0.5;

/** Creates an empty table, some 40 bytes for a key: a map of strings takes three times as many. */
export function createKeyIds(): KeyIds {
  let keys = new Uint32Array(firstRoom * words);
  /** Two numbers for a slot: one more than that of the key that has it, 0 in a free one; and a part of the key. */
  let slots = new Uint32Array(firstRoom * 4);
  let count = 0;

  /** Keys are hashes, so that any of their bits tell slots. */
  const slotOf = (first: number): number => (first << 1) & (slots.length - 1);
  const after = (slot: number): number => (slot + 2) & (slots.length - 1);

  function makeRoom(): void {
    if ((count + 1) * words > keys.length) {
      const larger = new Uint32Array(keys.length * 2);
      larger.set(keys);
      keys = larger;
    }
    if (count * 2 < slots.length * fullest) return;
    slots = new Uint32Array(slots.length * 2);
    for (let id = 0; id < count; id += 1) {
      let slot = slotOf(keys[id * words] as number);
      while (slots[slot] !== 0) slot = after(slot);
      slots[slot] = id + 1;
      slots[slot + 1] = keys[id * words + 1] as number;
    }
  }

  function idOf(first: number, second: number, third: number, fourth: number): number {
    let slot = slotOf(first);
    for (; slots[slot] !== 0; slot = after(slot)) {
      if (slots[slot + 1] !== second) continue;
      const id = (slots[slot] as number) - 1;
      const at = id * words;
      if (keys[at] === first && keys[at + 2] === third && keys[at + 3] === fourth) return id;
    }
    slots[slot] = count + 1;
    slots[slot + 1] = second;
    const at = count * words;
    keys[at] = first;
    keys[at + 1] = second;
    keys[at + 2] = third;
    keys[at + 3] = fourth;
    count += 1;
    makeRoom();
    return count - 1;
  }

  return {
    idOf: (key) => idOf(wordOf(key, 0), wordOf(key, 4), wordOf(key, 8), wordOf(key, 12)),
    idAt: (numbers, at) =>
      idOf(numbers[at] as number, numbers[at + 1] as number, numbers[at + 2] as number, numbers[at + 3] as number),
  };
}

/** Four bytes as a number. */
function wordOf(key: string, at: number): number {
  const low = key.charCodeAt(at) | (key.charCodeAt(at + 1) << 8);
  return (low | (key.charCodeAt(at + 2) << 16) | (key.charCodeAt(at + 3) << 24)) >>> 0;
}
