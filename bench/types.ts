import type { PartName } from '../src/setup/part.ts';
import type { Machine } from './machine.ts';

/** One claim as it was measured. */
export interface Claim {
  name: string;
  ours: number;
  /** null where nothing is measured beside ours: a count of losses has no peer. */
  peer: number | null;
  /** Median of the rounds' ratios, ours to the peer's; lower is better. */
  ratio: number | null;
  target: string;
  holds: boolean;
}

export interface Outcome {
  claims: Claim[];
  /** What was asked for and how it came out, for whoever wants to look closer. */
  details: Record<string, unknown>;
  /** Lines for people, below the table. */
  notes?: string[];
}

export interface BenchContext {
  /** Paths of the outside parts that the bench named. */
  paths: Readonly<Record<string, string>>;
  /** Rounds of a bench, kills of a soak. */
  count: number;
  tell: (line: string) => void;
  /** What an earlier run finished before it was interrupted, and how to keep more. */
  partial: Batches;
}

export interface Batches {
  read<T>(): T[];
  add<T>(batch: T): void;
}

/** A claim and the way to measure it. `bench` compares with a peer in one run; `soak` makes full counts and can be resumed. */
export interface Bench {
  name: string;
  /** Name of its file of results, where another has its own name. */
  file?: string;
  kind: 'bench' | 'soak';
  about: string;
  parts: readonly PartName[];
  /** The full count: what the claim is about. */
  count: number;
  /** Whether a bench goes on where it was interrupted, as soaks do: one whose figures do not depend on the time. */
  resumes?: true;
  run(context: BenchContext): Promise<Outcome>;
}

/** What `results/NAME.json` holds. */
export interface Result extends Outcome {
  name: string;
  kind: Bench['kind'];
  count: number;
  machine: Machine;
}
