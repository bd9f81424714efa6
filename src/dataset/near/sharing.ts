import { createSlots } from '../slots.ts';
import { addTo, createBits, isIn } from './bits.ts';
import { bandCount } from './signature.ts';

/** The most bits of the first look, 8 MiB; and how many there are for a key. */
const mostBits = 26;
const bitsForKey = 32;

/**
 * Which of so many documents share a band key with a fresh one, and every fresh one: not 0 for these. Another may be among them, of
 * whom 32 bits of a hash say so. Most keys are nobody's, as a few bits of them tell; the others are looked up.
 */
export function sharingWithFresh(count: number, bands: Uint32Array, fresh: ArrayLike<number>): Uint8Array {
  const sharing = new Uint8Array(count);
  const keys = keysOf(count, bands, fresh);
  if (keys === null) return sharing;
  for (let document = 0; document < count; document += 1) {
    const from = document * bandCount;
    for (let band = 0; band < bandCount; band += 1) {
      const name = nameOf(bands[from + band] as number, band);
      if (!keys.has(name)) continue;
      sharing[document] = 1;
      break;
    }
  }
  return sharing;
}

/** Where the keys of each band are moved to, so that one of another band is another. */
const offsets = Uint32Array.from({ length: bandCount }, (_, band) => Math.imul(band + 1, 0x9e3779b1));

function nameOf(key: number, band: number): number {
  return (key ^ (offsets[band] as number)) >>> 0;
}

interface Keys {
  has(name: number): boolean;
}

/** The keys of fresh documents; null where none is fresh. */
function keysOf(count: number, bands: Uint32Array, fresh: ArrayLike<number>): Keys | null {
  let documents = 0;
  for (let document = 0; document < count; document += 1) if (fresh[document] !== 0) documents += 1;
  if (documents === 0) return null;
  const seen = createBits(documents * bandCount, bitsForKey, mostBits);
  // A name is its own hash.
  const names = createSlots();
  const isThere = (name: number): boolean => names.find(name, isAny) >= 0;
  for (let document = 0; document < count; document += 1) {
    if (fresh[document] === 0) continue;
    for (let band = 0; band < bandCount; band += 1) {
      const name = nameOf(bands[document * bandCount + band] as number, band);
      addTo(seen, name);
      if (!isThere(name)) names.add(name, document);
    }
  }
  return { has: (name) => isIn(seen, name) && isThere(name) };
}

function isAny(): boolean {
  return true;
}
