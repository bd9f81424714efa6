/** Numbers by hashes of 32 bits, in one array: what is under a number says whether it is the one that is asked for. */
export interface Slots {
  /** The number with that hash that is the one; −1 where there is none. */
  find(hash: number, isIt: (number: number) => boolean): number;
  /** Adds a number that is not there. */
  add(hash: number, number: number): void;
  count(): number;
}

const firstRoom = 1024;
/** How full the table may be. */
const fullest = 0.5;

/** Creates an empty table with room for so many, 16 bytes or more for a number. */
export function createSlots(expected = 0): Slots {
  const room = Math.max(firstRoom, 2 ** Math.ceil(Math.log2((expected + 1) / fullest)));
  /** Two numbers for a slot: one more than the number, 0 in a free one; and the hash. */
  let slots = new Uint32Array(room * 2);
  let count = 0;
  const slotOf = (hash: number): number => (hash << 1) & (slots.length - 1);
  const after = (slot: number): number => (slot + 2) & (slots.length - 1);

  function put(hash: number, stored: number): void {
    let slot = slotOf(hash);
    while (slots[slot] !== 0) slot = after(slot);
    slots[slot] = stored;
    slots[slot + 1] = hash;
  }

  return {
    find(hash, isIt) {
      for (let slot = slotOf(hash); slots[slot] !== 0; slot = after(slot)) {
        if (slots[slot + 1] !== hash) continue;
        const number = (slots[slot] as number) - 1;
        if (isIt(number)) return number;
      }
      return -1;
    },
    add(hash, number) {
      put(hash, number + 1);
      count += 1;
      if (count * 2 < slots.length * fullest) return;
      const before = slots;
      slots = new Uint32Array(before.length * 2);
      for (let at = 0; at < before.length; at += 2)
        if (before[at] !== 0) put(before[at + 1] as number, before[at] as number);
    },
    count: () => count,
  };
}
