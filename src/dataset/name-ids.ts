import { hashText } from './near/words.ts';

/** Numbers for names: the same one for the same name, counted up from 0 in the order in which they came. */
export interface NameIds {
  idOf(name: string): number;
  /** −1 where the name never came. */
  find(name: string): number;
  nameOf(id: number): string;
  count(): number;
}

const firstRoom = 1024;
/** How full the table may be. */
const fullest = 0.5;

/** Creates an empty table: with the names shared, some 40 bytes for each. */
export function createNameIds(): NameIds {
  const names: string[] = [];
  /** Two numbers for a slot: one more than that of the name that has it, 0 in a free one; and the name's hash. */
  let slots = new Uint32Array(firstRoom * 2);
  const after = (slot: number): number => (slot + 2) & (slots.length - 1);

  /** The slot of a name, or the free one that it would have. */
  function slotOf(name: string, hash: number): number {
    let slot = (hash << 1) & (slots.length - 1);
    while (slots[slot] !== 0) {
      if (slots[slot + 1] === hash && names[(slots[slot] as number) - 1] === name) break;
      slot = after(slot);
    }
    return slot;
  }

  function grow(): void {
    const before = slots;
    slots = new Uint32Array(before.length * 2);
    for (let at = 0; at < before.length; at += 2) {
      if (before[at] === 0) continue;
      const hash = before[at + 1] as number;
      let slot = (hash << 1) & (slots.length - 1);
      while (slots[slot] !== 0) slot = after(slot);
      slots[slot] = before[at] as number;
      slots[slot + 1] = hash;
    }
  }

  return {
    idOf(name) {
      const hash = hashText(name);
      const slot = slotOf(name, hash);
      const taken = slots[slot] as number;
      if (taken !== 0) return taken - 1;
      slots[slot] = names.push(name);
      slots[slot + 1] = hash;
      if (names.length * 2 > slots.length * fullest) grow();
      return names.length - 1;
    },
    find: (name) => (slots[slotOf(name, hashText(name))] as number) - 1,
    nameOf: (id) => names[id] ?? '',
    count: () => names.length,
  };
}
