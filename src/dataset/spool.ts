import { createByteSpool } from './byte-spool.ts';
import type { Texts } from './draft.ts';
import { createNumbers } from './numbers.ts';

/** Texts of drafts on the disk while a build runs, by the drafts' indexes. */
export interface Spool {
  /** Adds those of the next draft; `messages` is the JSON of its messages where that is known. */
  add(texts: Texts, messages?: string): void;
  read(index: number): Texts;
  close(): void;
}

/** Opens a new spool; the file must not be there yet. */
export function createSpool(path: string): Spool {
  const spool = createByteSpool(path);
  const ends = createNumbers();
  return {
    add: (texts, messages) =>
      ends.add(spool.add(messages === undefined ? JSON.stringify(texts) : jsonWith(messages, texts))),
    read(index) {
      const from = index === 0 ? 0 : ends.at(index - 1);
      const bytes = Buffer.allocUnsafe(ends.at(index) - from);
      spool.read(bytes, from);
      return JSON.parse(bytes.toString('utf8')) as Texts;
    },
    close: spool.close,
  };
}

/** The same as JSON of all of it. */
function jsonWith(messages: string, { against, tools }: Texts): string {
  const worse = against ? `,"against":${JSON.stringify(against)}` : '';
  const called = tools ? `,"tools":${JSON.stringify(tools)}` : '';
  return `{"messages":${messages}${worse}${called}}`;
}
