import type { DatasetRow, StageCounts } from '../core/dataset.ts';
import type { Millis } from '../store/types.ts';

/** A row on its way through the build, with what the stages compare it by. */
export interface Candidate {
  row: DatasetRow;
  /** When its newest feedback was given: of two equal rows the newer stays. */
  at: Millis;
  /** Names the normalised messages before the answer, and the tools. */
  promptKey: string;
  /** Names the normalised answer. */
  answerKey: string;
}

/** Says that the stage let an item go, and why; reasons are `snake_case`. */
export type Drop = (reason: string) => void;

/** One step of a build: iterator to iterator. It calls `drop` for every item that it does not pass on. */
export type Stage<In, Out> = (input: AsyncIterable<In>, drop: Drop) => AsyncIterable<Out>;

/** Runs a stage lazily; `counts` is complete once the output has been read to its end. */
export function runStage<In, Out>(
  name: string,
  stage: Stage<In, Out>,
  input: AsyncIterable<In> | Iterable<In>,
): { counts: StageCounts; output: AsyncIterable<Out> } {
  const counts: StageCounts = { stage: name, in: 0, out: 0, dropped: {} };
  const drop: Drop = (reason) => {
    counts.dropped[reason] = (counts.dropped[reason] ?? 0) + 1;
  };
  const counted = counting(input, () => counts.in++);
  return { counts, output: counting(stage(counted, drop), () => counts.out++) };
}

async function* counting<T>(items: AsyncIterable<T> | Iterable<T>, count: () => void): AsyncGenerator<T> {
  for await (const item of items) {
    count();
    yield item;
  }
}

/** Every item of an iterator, for a stage that has to see all of them. */
export async function readAll<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
