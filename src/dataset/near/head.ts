import type { Documents, Span } from './documents.ts';

/** The first shingles of a document, as many as `headLength` says, and how many it has. */
export interface Head extends Span {
  size: number;
}

/** How many shingles of a set have to be looked at, so that no set that is as similar to it is missed. */
export function headLength(size: number, threshold: number): number {
  return size - Math.ceil(threshold * size - 1e-9) + 1;
}

/** The heads of documents of which all is read. */
export function headsOf(inOrder: NonNullable<Documents['inOrder']>, threshold: number): (document: number) => Head {
  const read = inOrder();
  const head: Head = { numbers: new Uint32Array(), from: 0, to: 0, size: 0 };
  return (document) => {
    const { numbers, from, to } = read(document);
    head.numbers = numbers;
    head.from = from;
    head.size = to - from;
    head.to = from + headLength(head.size, threshold);
    return head;
  };
}
