import type { Block } from './block.ts';

/** Rows that were asked for one after the other, and of which is known what was said, in a block where they stand so as well. */
export interface KnownRun {
  block: Block;
  /** The first of them, in the block. */
  row: number;
  /** The same among those that were asked for. */
  at: number;
  length: number;
}

interface Visits {
  known(run: KnownRun): void;
  /** One that is in no run. */
  unknown(at: number): void;
}

/** Goes through so many rows in their order. */
export function eachInOrder(count: number, runs: readonly KnownRun[], { known, unknown }: Visits): void {
  let at = 0;
  for (const run of runs) {
    for (; at < run.at; at += 1) unknown(at);
    known(run);
    at += run.length;
  }
  for (; at < count; at += 1) unknown(at);
}
