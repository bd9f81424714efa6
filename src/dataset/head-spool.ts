import { createByteSpool } from './byte-spool.ts';
import { type Head, headLength } from './near/head.ts';

/** The first shingles of documents on the disk while a build runs: what most are looked at for, and a fifth of all. */
export interface HeadSpool {
  /** Adds those of the next document, whose shingles stand among other numbers. */
  add(numbers: Uint32Array, from: number, to: number): void;
  /** A reader that gives them one after the other, from the first on; what it gives is good until it is asked again. */
  inOrder(): () => Head;
  close(): void;
}

const bytesEach = Uint32Array.BYTES_PER_ELEMENT;
/** How many numbers are written, and read, at once. */
const [chunkLength, windowLength] = [2 ** 16, 2 ** 15];

/** Opens a new spool for this threshold; the file must not be there yet. */
export function createHeadSpool(path: string, threshold: number): HeadSpool {
  const spool = createByteSpool(path);
  /** For each document how many shingles it has, and the first of them. */
  let chunk = new Uint32Array(chunkLength);
  let filled = 0;
  let written = 0;

  function flush(): void {
    spool.add(new Uint8Array(chunk.buffer, 0, filled * bytesEach));
    written += filled;
    filled = 0;
  }

  function makeRoom(numbers: number): void {
    if (filled + numbers > chunk.length) flush();
    if (numbers > chunk.length) chunk = new Uint32Array(numbers);
  }

  return {
    add(numbers, from, to) {
      const length = headLength(to - from, threshold);
      makeRoom(length + 1);
      chunk[filled++] = to - from;
      for (let at = from; at < from + length; at += 1) chunk[filled++] = numbers[at] as number;
    },
    inOrder() {
      if (filled > 0) flush();
      const head = { numbers: new Uint32Array(windowLength), from: 0, to: 0, size: 0 };
      /** Of all numbers, those from `start` to before `end` stand in the window. */
      let [start, end, next] = [0, 0, 0];
      const have = (count: number): void => {
        if (next + count <= end) return;
        if (count > head.numbers.length) head.numbers = new Uint32Array(count);
        spool.read(new Uint8Array(head.numbers.buffer), next * bytesEach);
        start = next;
        end = Math.min(written, next + head.numbers.length);
      };
      return () => {
        have(1);
        head.size = head.numbers[next - start] as number;
        const length = headLength(head.size, threshold);
        have(length + 1);
        head.from = next + 1 - start;
        head.to = head.from + length;
        next += length + 1;
        return head;
      };
    },
    close: spool.close,
  };
}
