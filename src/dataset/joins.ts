import { createNumbers } from './numbers.ts';

/** Pairs of nodes that belong together, by their numbers. */
export interface Joins {
  add(one: number, other: number): void;
  each(visit: (one: number, other: number) => void): void;
}

/** Creates an empty list, two numbers for a pair. */
export function createJoins(): Joins {
  const numbers = createNumbers();
  return {
    add(one, other) {
      numbers.add(one);
      numbers.add(other);
    },
    each(visit) {
      const all = numbers.all();
      for (let at = 0; at < all.length; at += 2) visit(all[at] as number, all[at + 1] as number);
    },
  };
}
