import { createByteSpool } from './byte-spool.ts';
import type { Texts } from './draft.ts';
import { createNumbers } from './numbers.ts';

/** Texts of drafts on the disk while a build runs, by the drafts' indexes. */
export interface Spool {
  /** Adds those of the next draft. */
  add(texts: Texts): void;
  read(index: number): Texts;
  close(): void;
}

/** Opens a new spool; the file must not be there yet. */
export function createSpool(path: string): Spool {
  const spool = createByteSpool(path);
  const ends = createNumbers();
  return {
    add: (texts) => ends.add(spool.add(JSON.stringify(texts))),
    read(index) {
      const from = index === 0 ? 0 : ends.at(index - 1);
      const bytes = Buffer.allocUnsafe(ends.at(index) - from);
      spool.read(bytes, from);
      return JSON.parse(bytes.toString('utf8')) as Texts;
    },
    close: spool.close,
  };
}
