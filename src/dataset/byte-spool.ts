import { closeSync, openSync, readSync, writeSync } from 'node:fs';

/** Pieces of bytes on the disk while a build runs, one after the other; gone with the build. */
export interface ByteSpool {
  /** Adds the next piece, and says where it ends, in bytes. */
  add(piece: Uint8Array | string): number;
  /** Fills an array with what stands from a place on; as much as there is. */
  read(into: Uint8Array, from: number): void;
  close(): void;
}

/** How much is written at once, in bytes. */
const chunkBytes = 2 ** 20;

/** Opens a new spool; the file must not be there yet. */
export function createByteSpool(path: string): ByteSpool {
  const file = openSync(path, 'wx+', 0o600);
  let pending = Buffer.allocUnsafeSlow(chunkBytes * 2);
  let filled = 0;
  let written = 0;

  function flush(): void {
    for (let done = 0; done < filled; ) done += writeSync(file, pending, done, filled - done, written + done);
    written += filled;
    filled = 0;
  }

  function makeRoom(bytes: number): void {
    if (filled + bytes > pending.length) flush();
    if (bytes > pending.length) pending = Buffer.allocUnsafeSlow(bytes);
  }

  return {
    add(piece) {
      if (typeof piece === 'string') {
        makeRoom(piece.length * 3);
        filled += pending.write(piece, filled);
      } else {
        makeRoom(piece.length);
        pending.set(piece, filled);
        filled += piece.length;
      }
      return written + filled;
    },
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
