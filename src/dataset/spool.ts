import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import type { Texts } from './draft.ts';

/** Where something stands in a file, in bytes. */
export interface Place {
  at: number;
  length: number;
}

/** Texts on the disk while a build runs: written once, read by place, gone with the build. */
export interface Spool {
  add(texts: Texts): Place;
  read(place: Place): Texts;
  close(): void;
}

/** How much is written at once, in bytes. */
const chunkBytes = 2 ** 20;

/** Opens a new spool; the file must not be there yet. */
export function createSpool(path: string): Spool {
  const file = openSync(path, 'wx+', 0o600);
  let pending = Buffer.allocUnsafe(chunkBytes * 2);
  let filled = 0;
  let written = 0;

  function flush(): void {
    for (let done = 0; done < filled; ) done += writeSync(file, pending, done, filled - done, written + done);
    written += filled;
    filled = 0;
  }

  return {
    add(texts) {
      const text = JSON.stringify(texts);
      const most = text.length * 3;
      if (filled + most > pending.length) flush();
      if (most > pending.length) pending = Buffer.allocUnsafe(most);
      const length = pending.write(text, filled);
      const place = { at: written + filled, length };
      filled += length;
      return place;
    },
    read({ at, length }) {
      if (at >= written) return JSON.parse(pending.toString('utf8', at - written, at - written + length)) as Texts;
      const bytes = Buffer.allocUnsafe(length);
      for (let done = 0; done < length; ) {
        const count = readSync(file, bytes, done, length - done, at + done);
        if (count === 0) throw new Error('the spool of a build is shorter than what was written to it');
        done += count;
      }
      return JSON.parse(bytes.toString('utf8')) as Texts;
    },
    close: () => closeSync(file),
  };
}
