import type { JsonObject } from '../core/canonical.ts';
import type { FeedbackRecord, Millis } from './types.ts';

/** What can be forgotten: all that was said in a conversation, or all that a rater said of answers. */
export const forgettingKinds = ['conversation', 'rater'] as const;
export type ForgettingKind = (typeof forgettingKinds)[number];

/** `files`: files are being cleaned. `record`: they are clean, and the record is. `done`: nothing is left to do. */
export type ForgettingState = 'files' | 'record' | 'done';

/** What is to be forgotten, written down before anything goes, so that it can be finished after a crash. */
export interface ForgettingRecord {
  id: string;
  kind: ForgettingKind;
  /** The conversation's id or the rater's name; null once a rater is forgotten. */
  subject: string | null;
  state: ForgettingState;
  /** Whether models that learned from it are deleted as well. */
  now: boolean;
  /** Who asked for it. */
  actor: string;
  /** What went, in numbers, ids and paths. */
  report: JsonObject | null;
  createdAt: Millis;
  finishedAt: Millis | null;
}

/**
 * The tombstone of a conversation's node: its id, which is keyed by the installation and confirms no text, and the nodes
 * that it was joined with in dataset versions, so that a split can go on joining them.
 */
export interface ForgottenNode {
  node: string;
  /** Sorted. */
  joined: string[];
}

export type ForgottenKind = 'completion' | 'feedback';

/** A completion outside a conversation that goes on from one of its answers. */
export interface Continuation {
  completionId: string;
  conversationId: string;
  owner: string;
}

/** What was forgotten, and what still has to be. It holds ids and numbers, never a text. */
export interface ForgottenStore {
  /** The tombstones, by node. */
  list(): Promise<ForgottenNode[]>;
  /** Adds tombstones; nodes that were joined with one before stay joined. */
  addNodes(nodes: readonly ForgottenNode[]): Promise<void>;
  /** Writes down what is to be forgotten, durably. The one that is open for the same subject is taken up again. */
  begin(intent: {
    kind: ForgettingKind;
    subject: string;
    now: boolean;
    actor: string;
    completions: readonly string[];
    feedback: readonly string[];
  }): Promise<ForgettingRecord>;
  /** Says how far it is. NotFound. */
  advance(id: string, to: { state: ForgettingState; report?: JsonObject }): Promise<void>;
  /** Those that are not done, oldest first. */
  open(): Promise<ForgettingRecord[]>;
  /** All of them, newest first. */
  all(): Promise<ForgettingRecord[]>;
  /** Ids of all that was ever to be forgotten. */
  ids(kind: ForgottenKind): Promise<ReadonlySet<string>>;
  /** Everything that a rater said, oldest first. */
  saidBy(rater: string): Promise<FeedbackRecord[]>;
  /**
   * Takes away every event of a rater, their signals and claims. Of an event that takes another back only that stays,
   * without a name: what somebody took back must not stand again.
   */
  removeRater(rater: string, pseudonym: string): Promise<void>;
  /** Completions of the same owner in other conversations that go on from an answer that only this conversation gave. */
  continuationsOf(conversationId: string): Promise<Continuation[]>;
  /** Rewrites texts of failures in the record of cycles; returns how many were changed. */
  rewriteFailures(rewrite: (text: string) => string): Promise<number>;
}
