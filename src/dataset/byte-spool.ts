import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { withRoom } from './with-room.ts';

/** Pieces of bytes on the disk while a build runs, by their numbers from 0: written in that order, gone with the build. */
export interface ByteSpool {
  /** Adds the next piece. */
  add(piece: Uint8Array | string): void;
  /** Where a piece begins, in bytes; of the number after the last one, where the next would. */
  startOf(index: number): number;
  /** Fills an array with what stands from a place on; as much as there is. */
  read(into: Uint8Array, from: number): void;
  close(): void;
}

/** How much is written at once, in bytes. */
const chunkBytes = 2 ** 20;
const firstRoom = 1024;

/** Opens a new spool; the file must not be there yet. */
export function createByteSpool(path: string): ByteSpool {
  const file = openSync(path, 'wx+', 0o600);
  let pending = Buffer.allocUnsafeSlow(chunkBytes * 2);
  let filled = 0;
  let written = 0;
  let count = 0;
  let starts = new Float64Array(firstRoom);

  function flush(): void {
    for (let done = 0; done < filled; ) done += writeSync(file, pending, done, filled - done, written + done);
    written += filled;
    filled = 0;
  }

  function makeRoom(bytes: number): void {
    if (filled + bytes > pending.length) flush();
    if (bytes > pending.length) pending = Buffer.allocUnsafeSlow(bytes);
  }

  function noteEnd(end: number): void {
    count += 1;
    if (count >= starts.length) starts = withRoom(starts, starts.length * 2);
    starts[count] = end;
  }

  function put(bytes: Uint8Array): void {
    makeRoom(bytes.length);
    pending.set(bytes, filled);
    filled += bytes.length;
  }

  return {
    add(piece) {
      if (typeof piece === 'string') {
        makeRoom(piece.length * 3);
        filled += pending.write(piece, filled);
      } else {
        put(piece);
      }
      noteEnd(written + filled);
    },
    startOf: (index) => starts[index] as number,
    read(into, from) {
      if (filled > 0) flush();
      const length = Math.min(into.length, written - from);
      for (let done = 0; done < length; ) {
        const some = readSync(file, into, done, length - done, from + done);
        if (some === 0) throw new Error('the spool of a build is shorter than what was written to it');
        done += some;
      }
    },
    close: () => closeSync(file),
  };
}
