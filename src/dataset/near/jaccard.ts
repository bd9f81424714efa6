/** Keeps the rounding of a product from asking for one shingle more than it should. */
const slack = 1e-9;

/** The least size of `A ∩ B` at which the Jaccard similarity of sets with so many members together is `least`. */
export function overlapNeeded(together: number, least: number): number {
  return Math.ceil((least / (1 + least)) * together - slack);
}

/**
 * |A ∩ B| / |A ∪ B| of two sorted sets where it is at least `least`, else -1; it stops as soon as it cannot be.
 * Both sets must have members.
 */
export function jaccardFrom(a: Uint32Array, b: Uint32Array, least: number): number {
  const together = a.length + b.length;
  let lonely = together - 2 * overlapNeeded(together, least);
  let shared = 0;
  let atA = 0;
  let atB = 0;
  while (atA < a.length && atB < b.length) {
    const difference = (a[atA] as number) - (b[atB] as number);
    if (difference === 0) shared += 1;
    else if (--lonely < 0) return -1;
    if (difference <= 0) atA += 1;
    if (difference >= 0) atB += 1;
  }
  const jaccard = shared / (together - shared);
  return jaccard >= least ? jaccard : -1;
}
