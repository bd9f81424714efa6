import { bandCount } from './signature.ts';

const digitBits = 11;
const digits = 1 << digitBits;

/** A visit for every set of two or more documents with an equal key in a band; `members` are ascending, and reused. */
export type VisitGroup = (members: Uint32Array, band: number) => void;

/** Groups documents, given in ascending order, by each band in turn, with some 20 bytes for a document. */
export function forEachGroup(documents: Uint32Array, bands: Uint32Array, visit: VisitGroup): void {
  const last = documents.at(-1);
  if (last === undefined) return;
  const keys = new Uint32Array(last + 1);
  const order = new Uint32Array(documents.length);
  const spare = new Uint32Array(documents.length);
  const meet = createMeeting(documents.length);
  for (let band = 0; band < bandCount; band += 1) {
    for (let at = 0; at < documents.length; at += 1) {
      const document = documents[at] as number;
      keys[document] = bands[document * bandCount + band] as number;
    }
    const count = meet(documents, keys, order);
    const sorted = sortByKey(keys, order.subarray(0, count), spare.subarray(0, count));
    for (let from = 0, to = 0; from < count; from = to) {
      const key = keys[sorted[from] as number];
      for (to = from + 1; to < count && keys[sorted[to] as number] === key; ) to += 1;
      if (to - from > 1) visit(sorted.subarray(from, to), band);
    }
  }
}

/** Every document below `count`. */
export function allDocuments(count: number): Uint32Array<ArrayBuffer> {
  const documents = new Uint32Array(count);
  for (let document = 0; document < count; document += 1) documents[document] = document;
  return documents;
}

const mostSlotBits = 23;

/**
 * Writes those to `out` that may have a key which another has too, and says how many they are: most keys are alone, and need
 * not be sorted. Keys are told apart by a few of their bits, so that one in ten that is alone is not seen to be.
 */
function createMeeting(count: number): (documents: Uint32Array, keys: Uint32Array, out: Uint32Array) => number {
  const bits = Math.max(4, Math.min(mostSlotBits, Math.ceil(Math.log2(count * 4))));
  const seen = new Uint8Array(2 ** bits);
  const shift = 32 - bits;
  return (documents, keys, out) => {
    seen.fill(0);
    for (let at = 0; at < documents.length; at += 1) {
      const slot = (keys[documents[at] as number] as number) >>> shift;
      seen[slot] = (((seen[slot] as number) << 1) | 1) & 3;
    }
    let found = 0;
    for (let at = 0; at < documents.length; at += 1) {
      const document = documents[at] as number;
      if (seen[(keys[document] as number) >>> shift] === 3) out[found++] = document;
    }
    return found;
  };
}

/** A stable radix sort of document numbers by their keys, 11 bits at a time; one of the two arrays holds the result. */
function sortByKey(keys: Uint32Array, order: Uint32Array, spare: Uint32Array): Uint32Array {
  let from = order;
  let to = spare;
  for (let shift = 0; shift < 32; shift += digitBits) {
    const starts = startsOf(keys, from, shift);
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
function startsOf(keys: Uint32Array, documents: Uint32Array, shift: number): Uint32Array {
  const starts = new Uint32Array(digits + 1);
  for (let at = 0; at < documents.length; at += 1) {
    (starts[(((keys[documents[at] as number] as number) >>> shift) & (digits - 1)) + 1] as number)++;
  }
  for (let digit = 0; digit < digits; digit += 1) (starts[digit + 1] as number) += starts[digit] as number;
  return starts;
}
