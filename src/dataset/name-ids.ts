import { type Ids, createIds } from './ids.ts';
import { createNames } from './names.ts';
import { hashText } from './near/words.ts';

/** Numbers for names: the same one for the same name, counted up from 0. */
export interface NameIds extends Ids<string> {
  nameOf(id: number): string;
}

/** Creates an empty table, some 30 bytes for a name beside its letters. */
export function createNameIds(): NameIds {
  const names = createNames();
  const ids = createIds<string>({ ...names, hash: hashText, equal: (one, other) => one === other });
  return { ...ids, nameOf: names.of };
}
