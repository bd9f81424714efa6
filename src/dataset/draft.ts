import type { JsonObject } from '../core/canonical.ts';
import type { WireMessage } from '../core/message.ts';
import type { Entry } from './entry.ts';

/** The texts of an entry, as they stand in the spool. */
export interface Texts {
  /** What came before the answer, then the answer. */
  messages: WireMessage[];
  against?: WireMessage;
  tools?: JsonObject[];
}

/** An entry without its texts, which stand in the spool. */
export interface Draft extends Pick<Entry, 'id' | 'kind' | 'signal' | 'author'> {
  /** Id of the conversation's first user message; empty where there is none. */
  node: string;
  /** Counts up in the order in which entries came; its texts stand under this number in the spool. */
  index: number;
}
