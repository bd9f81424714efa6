import { mix } from './mix.ts';

/** Bands of a signature, and the bins that a band takes together. */
export const bandCount = 18;
const rowsPerBand = 7;
const bins = bandCount * rowsPerBand;

/** Changes whenever the shingles or the bands of some text do: what was kept of another version is to be made again. */
export const nearVersion = 1;

const golden = 0x9e3779b1;
const minima = new Uint32Array(bins);
const filledIn = new Int32Array(bins);

/**
 * Writes the 18 band keys of a set of shingles to `out` from `at` on. Two sets of Jaccard similarity J share a key with
 * probability 1 − (1 − J⁷)¹⁸: .986 at .8, above .99999 at .9. The set must not be empty.
 */
export function bandsOf(shingles: Uint32Array, out: Uint32Array, at: number): void {
  sketch(shingles);
  for (let band = 0; band < bandCount; band += 1) {
    let key = band;
    for (let row = 0; row < rowsPerBand; row += 1) {
      key = (Math.imul(key, golden) + (minima[band * rowsPerBand + row] as number)) | 0;
    }
    out[at + band] = mix(key);
  }
}

/**
 * The minima of 126 bins. Every shingle falls into one bin, and bins that stay empty are filled by throwing all shingles
 * again, with another hash, until none is left: Fast Similarity Sketching (Dahlgaard, Knudsen and Thorup, FOCS 2017,
 * arXiv:1704.04370). That takes about n + 126 ln 126 hashes instead of 126 n. One permutation whose empty bins copy full
 * ones (Shrivastava, ICML 2017) takes as few, and sees fewer pairs of sets that are smaller than the bins: .984 at J = 0.8
 * where this sees .992, of 5,000 pairs with 8 shared members.
 */
function sketch(shingles: Uint32Array): void {
  filledIn.fill(-1);
  let empty = bins;
  for (let round = 0; empty > 0; round += 1) empty -= throwAll(shingles, round);
}

/** One round; how many bins it filled. From round 126 on all go into one bin, so that even a single shingle fills all. */
function throwAll(shingles: Uint32Array, round: number): number {
  const seed = Math.imul(round + 1, golden);
  const fixed = round - bins;
  let filled = 0;
  for (let index = 0; index < shingles.length; index += 1) {
    const hash = mix((shingles[index] as number) ^ seed);
    const bin = fixed < 0 ? ((hash >>> 16) * bins) >>> 16 : fixed;
    const since = filledIn[bin] as number;
    if (since < 0) {
      filledIn[bin] = round;
      minima[bin] = hash;
      filled += 1;
    } else if (since === round && hash < (minima[bin] as number)) {
      minima[bin] = hash;
    }
  }
  return filled;
}
