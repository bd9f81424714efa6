import { pairLargeGroup } from './large-group.ts';
import { type Compare, type Pairing, comparing } from './pairing.ts';

/** Where all pairs are simply looked at: up to here that costs less than to prepare for less. */
const small = 128;

/** Whether of a group's pairs not all are looked at: which are then goes by the whole group. */
export function isLarge(members: Uint32Array): boolean {
  return members.length > small;
}

/**
 * Finds the pairs of a group of documents with an equal key in `band`: those of two parts that are similar enough, and
 * that were not met in a band before.
 */
export function pairGroup(members: Uint32Array, band: number, pairing: Pairing): void {
  const compare = comparing(band, pairing);
  if (isLarge(members)) pairLarge(members, pairing, compare);
  else pairAll(members, pairing, compare);
}

function pairAll(members: Uint32Array, { partOf }: Pairing, compare: Compare): void {
  for (let at = 1; at < members.length; at += 1) {
    const document = members[at] as number;
    for (let before = 0; before < at; before += 1) {
      const other = members[before] as number;
      if (partOf(document) !== partOf(other)) compare(document, other);
    }
  }
}

/** A large group is most often of one cluster: then each member is like the first, and nothing is left to do. */
function pairLarge(members: Uint32Array, pairing: Pairing, compare: Compare): void {
  const { partOf } = pairing;
  const first = members[0] as number;
  for (const document of members) if (partOf(document) !== partOf(first)) compare(document, first);
  if (members.some((document) => partOf(document) !== partOf(first))) pairLargeGroup(members, pairing, compare);
}
