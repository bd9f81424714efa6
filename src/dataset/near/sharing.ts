import { createSlots } from '../slots.ts';
import { type Sieve, createSieve } from './sieve.ts';
import { bandCount } from './signature.ts';

/**
 * Which of so many documents share a band key with a fresh one, and every fresh one: not 0 for these. Another may be among them, of
 * whom 32 bits of a hash say so. Most keys are nobody's, whatever the band; the others are looked up.
 */
export function sharingWithFresh(count: number, bands: Uint32Array, fresh: ArrayLike<number>): Uint8Array {
  const sharing = new Uint8Array(count);
  const keys = keysOf(count, bands, fresh);
  if (keys === null) return sharing;
  const found = new Uint32Array(bandCount + 1);
  for (let document = 0; document < count; document += 1) {
    const from = document * bandCount;
    if (keys.sieve.scan(bands, from, from + bandCount, found) === 0) continue;
    for (let band = 0; band < bandCount && sharing[document] === 0; band += 1) {
      if (keys.has(bands[from + band] as number, band)) sharing[document] = 1;
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
  /** For keys of any band. */
  sieve: Sieve;
  has(key: number, band: number): boolean;
}

/** The keys of fresh documents; null where none is fresh. */
function keysOf(count: number, bands: Uint32Array, fresh: ArrayLike<number>): Keys | null {
  let documents = 0;
  for (let document = 0; document < count; document += 1) if (fresh[document] !== 0) documents += 1;
  if (documents === 0) return null;
  const sieve = createSieve(documents * bandCount);
  // A name is its own hash.
  const names = createSlots(documents * bandCount);
  const isThere = (name: number): boolean => names.find(name, isAny) >= 0;
  for (let document = 0; document < count; document += 1) {
    if (fresh[document] === 0) continue;
    for (let band = 0; band < bandCount; band += 1) {
      const key = bands[document * bandCount + band] as number;
      const name = nameOf(key, band);
      sieve.add(key);
      if (!isThere(name)) names.add(name, document);
    }
  }
  return { sieve, has: (key, band) => sieve.has(key) && isThere(nameOf(key, band)) };
}

function isAny(): boolean {
  return true;
}
