import type { JsonObject } from '../core/canonical.ts';
import type { LearnedSignal } from '../core/dataset.ts';
import type { WireMessage } from '../core/message.ts';
import type { Millis } from '../store/types.ts';

/**
 * What is done with an answer: it is learned, it is known to be bad, it is better than another answer to the same messages, or
 * the base gave it and is to go on giving it.
 */
export const kinds = ['learn', 'reject', 'prefer', 'replay'] as const;
export type Kind = (typeof kinds)[number];

/** A rating as it was given. */
export interface Rating {
  rater: string;
  at: Millis;
  good: boolean;
}

/** One answer that people said something of, with all that was said before it. */
export interface Entry {
  /** `<completion>.<choice>`, and for a preference `<completion>.<choice>><completion>.<choice>`. */
  id: string;
  kind: Kind;
  completion: string;
  choice: number;
  /** What was said of an answer that is learned. */
  signal: LearnedSignal | null;
  /** What came before the answer, then the answer. */
  messages: WireMessage[];
  /** The answer that is worse: what was corrected, or what another was preferred over. */
  against: WireMessage | null;
  tools: JsonObject[];
  /** `person` for a correction, else the model ref. */
  author: string;
  /** Id of the conversation's first user message; null when there is none. */
  node: string | null;
  topic: string | null;
  /** The answer ended because there was no room for more. */
  cutOff: boolean;
  /** When the newest feedback that it rests on was given. */
  at: Millis;
  /** Who gave that feedback, sorted. */
  raters: readonly string[];
  /** Ids of the corrections that it rests on. */
  corrections: readonly string[];
  /** Ratings without a correction that were given here, by hand or by program; what was imported has its own times. */
  ratings: readonly Rating[];
}
