import type { LeakCheck } from '../../src/core/dataset.ts';
import type { EvalItem } from '../../src/dataset/rows/decontaminate.ts';

/** What a build is asked to do; a process is given several, one after the other. */
export interface Task {
  /** Of `make.ts`, in order. */
  files: readonly string[];
  /** Of a recipe's `build`. */
  settings: Record<string, unknown>;
  /** What is kept from build to build; nothing where it is null. */
  cacheDir: string | null;
  /** A folder of which `cacheDir` is a copy, while the build runs. */
  cacheFrom?: string;
  /** Where it may write. */
  folder: string;
  items: readonly EvalItem[];
  /** Whether to say what share writing and hashing took. */
  sampled?: true;
  /** Whether to say which rows are in the version, and which of them are held out. */
  places?: true;
}

/** What it took. Times are seconds of a processor, of all threads. */
export interface Built {
  rows: number;
  kept: number;
  /** From rows in memory to splits, the spool's writing with it. */
  stages: number;
  /** Of these, what is left without spooling and keeping, and without hashing; where it was asked for. */
  compute?: number;
  /** The files of the version. */
  writing: number;
  /** Reading the chats, which is in neither. */
  reading: number;
  peakMegabytes: number;
  digest: string;
  leaks: LeakCheck | null;
  /** Places, by the numbers of the chats. */
  places?: { kept: number[]; heldOut: number[] };
}
