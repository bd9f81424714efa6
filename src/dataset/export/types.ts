import type { JsonObject } from '../../core/canonical.ts';
import type { DatasetManifest, DatasetRow, Split } from '../../core/dataset.ts';
import type { WireMessage } from '../../core/message.ts';

/** Says what a format could not carry: nothing goes in silence. Reasons are `snake_case`. */
export interface Note {
  /** An example is not written. `at` is the id of its row, or of the answer that it is about. */
  leaveOut(at: string, reason: string): void;
  /** An example is written without something that it had. */
  reduce(at: string, what: string): void;
}

/** Two answers to the same messages, of which one is better. */
export interface Pair {
  /** Names it in the report. */
  id: string;
  prompt: WireMessage[];
  tools: JsonObject[];
  chosen: WireMessage;
  rejected: WireMessage;
}

/** An answer that is good or bad by itself. */
export interface JudgedAnswer {
  id: string;
  prompt: WireMessage[];
  tools: JsonObject[];
  answer: WireMessage;
  good: boolean;
}

/** What a dataset version has to export. Everything is read as it is asked for; memory holds a few rows. */
export interface ExportSource {
  manifest: DatasetManifest;
  rows(split: Split): AsyncIterable<DatasetRow>;
  /** A correction over what it corrects, and answers that were preferred over others. */
  pairs(split: Split, note: Note): AsyncIterable<Pair>;
  /** Learned answers, corrected ones, and those that were rated −1. */
  judged(split: Split, note: Note): AsyncIterable<JudgedAnswer>;
}

/** How the examples of a split become a file. */
export interface Encoding {
  /** With the point. */
  extension: '.jsonl' | '.json' | '.parquet';
  mediaType: string;
  encode(examples: AsyncIterable<JsonObject>): AsyncIterable<Uint8Array>;
}

/** One file of an export. */
export interface ExportedFile {
  name: string;
  split: Split;
  rows: number;
  bytes: number;
  /** SHA-256, hex. */
  digest: string;
}

/** A file that is there for a reader's sake, such as a dataset card. */
export interface SideFile {
  name: string;
  text: string;
}

/** What is known when the files of the splits are written. */
export interface Exported {
  manifest: DatasetManifest;
  files: readonly ExportedFile[];
  /** Names of the members that occur in a file's examples, by the file's name. */
  columns: ReadonlyMap<string, ReadonlySet<string>>;
}

/** One format. */
export interface Exporter {
  format: string;
  /** What it is for, in a few words. */
  about: string;
  encoding: Encoding;
  /** What the file of a split is called without its extension; the split's own name unless given. */
  nameOf?: (split: Split) => string;
  examples(source: ExportSource, split: Split, note: Note): AsyncIterable<JsonObject>;
  beside?: (exported: Exported) => SideFile[];
}
