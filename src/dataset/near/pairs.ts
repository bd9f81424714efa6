import { createNumbers } from '../numbers.ts';

/** Many pairs of numbers, such as of documents that are alike, or of nodes that belong together. */
export interface Pairs {
  add(one: number, other: number): void;
  each(visit: (one: number, other: number) => void): void;
}

/** Creates an empty list, two numbers for a pair. */
export function createPairs(): Pairs {
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
