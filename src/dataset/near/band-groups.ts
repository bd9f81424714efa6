import { bandCount } from './signature.ts';

const digitBits = 11;
const digits = 1 << digitBits;

/** A visit for every set of two or more documents with an equal key in a band; `members` are ascending, and reused. */
export type VisitGroup = (members: Uint32Array, band: number) => void;

/** Groups documents by each band in turn, with 16 bytes for a document. */
export function forEachGroup(count: number, bands: Uint32Array, visit: VisitGroup): void {
  const keys = new Uint32Array(count);
  const order = new Uint32Array(count);
  const spare = new Uint32Array(count);
  for (let band = 0; band < bandCount; band += 1) {
    for (let document = 0; document < count; document += 1) {
      keys[document] = bands[document * bandCount + band] as number;
      order[document] = document;
    }
    const sorted = sortByKey(keys, order, spare);
    for (let from = 0, to = 0; from < count; from = to) {
      const key = keys[sorted[from] as number];
      for (to = from + 1; to < count && keys[sorted[to] as number] === key; ) to += 1;
      if (to - from > 1) visit(sorted.subarray(from, to), band);
    }
  }
}

/** A stable radix sort of document numbers by their keys, 11 bits at a time; one of the two arrays holds the result. */
function sortByKey(keys: Uint32Array, order: Uint32Array, spare: Uint32Array): Uint32Array {
  let from = order;
  let to = spare;
  for (let shift = 0; shift < 32; shift += digitBits) {
    const starts = startsOf(keys, shift);
    for (let at = 0; at < from.length; at += 1) {
      const document = from[at] as number;
      const digit = ((keys[document] as number) >>> shift) & (digits - 1);
      const place = starts[digit] as number;
      starts[digit] = place + 1;
      to[place] = document;
    }
    [from, to] = [to, from];
  }
  return from;
}

/** Where the documents of each digit begin. */
function startsOf(keys: Uint32Array, shift: number): Uint32Array {
  const starts = new Uint32Array(digits + 1);
  for (let at = 0; at < keys.length; at += 1) {
    (starts[(((keys[at] as number) >>> shift) & (digits - 1)) + 1] as number)++;
  }
  for (let digit = 0; digit < digits; digit += 1) (starts[digit + 1] as number) += starts[digit] as number;
  return starts;
}
