import type { JsonObject } from '../../core/canonical.ts';
import type { WireMessage } from '../../core/message.ts';
import type { ImportedChat } from '../../store/types.ts';

/** Feedback that came with a chat. */
export interface ImportedFeedback {
  /** Which choice of the chat; the first unless given. */
  choice?: number;
  rating?: 1 | -1;
  /** In [0, 1]. */
  score?: number;
  criteria?: Record<string, boolean | number>;
  comment?: string;
  /** The answer as it should have been. */
  correction?: WireMessage;
  tags?: string[];
  /** Who gave it, where the format says so. */
  rater?: string;
  /** What the format calls this event, so that it is added once. */
  id?: string;
}

/** One exchange of another product: a request, its answer, and what was said of it. */
export interface ImportedExchange {
  kind: 'exchange';
  /** Where it stands, for the report: `line 12`, `conversations.json#3`. */
  at: string;
  chat: Omit<ImportedChat, 'owner' | 'provider'> & { provider?: string };
  feedback: ImportedFeedback[];
  /**
   * Names a set of answers to the same messages, among which one was preferred: `best` is over the others with the same name.
   */
  siblings?: { set: string; best: boolean };
}

/** Something in the file that was not taken. */
export interface LeftOut {
  kind: 'left-out';
  at: string;
  /** One of a few words, for the sums: `no answer`, `not text`, `no messages`. */
  reason: string;
  /** What is wrong with this one. */
  detail?: string;
}

export type ImportItem = ImportedExchange | LeftOut;

/** What is read. */
export interface ImportSource {
  /** Name of the file, without folders. */
  name: string;
  /** The bytes from the start, as often as it is called. */
  bytes(): AsyncIterable<Uint8Array>;
  /** A stretch of the bytes, for formats whose table of contents stands at the end. */
  slice(from: number, to: number): Promise<Uint8Array>;
  /** In bytes. */
  size: number;
}

/** One format of another product. Reading never holds more than one item and a bounded buffer. */
export interface Importer {
  /** As `--format` names it: `open-webui`. */
  format: string;
  /** As its maker writes it: `Open WebUI`. */
  title: string;
  /** What it is, and how one gets it, in a sentence. */
  description: string;
  /** Whether the beginning of a file (64 KiB at most) looks like this format. */
  recognises(head: ImportHead): boolean;
  read(source: ImportSource): AsyncGenerator<ImportItem>;
}

/** The beginning of a file. */
export interface ImportHead {
  name: string;
  text: string;
  /** The first JSON object of a file of lines, or the first item of an array; null when there is none. */
  first: JsonObject | null;
  /** Whether the file begins with an array. */
  isArray: boolean;
}
