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

/** An entry without its texts, which stand in the spool: light enough for a million of them. */
export interface Draft
  extends Pick<Entry, 'id' | 'kind' | 'signal' | 'author' | 'topic' | 'at' | 'raters' | 'ratings' | 'corrections'> {
  node: string;
  /** The same number for the same node, counted up from 0. */
  nodeKey: number;
  /** Counts up in the order in which entries came; its texts stand under this number in the spool. */
  index: number;
  /** The same number for the same normalised messages before the answer, and tools; counted up from 0. */
  promptKey: number;
  /** Names the normalised answer, in 53 bits; of a preference the better one. It is asked for within a prompt only. */
  answerKey: number;
  /** Names a preference's worse answer; −1 in what is none. */
  worseKey: number;
  /** Names what words and calls the answer has, in 53 bits. */
  bareKey: number;
  /** Of the answer, in characters. */
  size: number;
}

/**
 * Which of two drafts has the stronger word of a person behind it, as a comparison for sorting, the strongest first: a
 * correction, then more raters, then the newer, then the smaller id.
 */
export function byStrength(a: Draft, b: Draft): number {
  if (a.signal !== b.signal) return a.signal === 'corrected' ? -1 : b.signal === 'corrected' ? 1 : 0;
  if (a.raters.length !== b.raters.length) return b.raters.length - a.raters.length;
  if (a.at !== b.at) return b.at - a.at;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
