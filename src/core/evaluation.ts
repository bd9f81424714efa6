import type { GateDecision } from './cycle.ts';

/** One prompt's answer and its scores in [0, 1] by metric. */
export interface ScoredAnswer {
  text: string;
  scores: Record<string, number>;
}

/** The blob of an evaluation: the same prompts, answered through what is served. */
export interface Evaluation {
  schema: 1;
  source: 'suite' | 'test';
  prompts: string[];
  /** By role: `candidate`, `base`, `opponent`; absent where it is the same model as another. */
  served: { candidate: string; base: string; opponent: string };
  answers: Record<string, ScoredAnswer[]>;
  means: Record<string, Record<string, number>>;
}

/** One paired comparison of the candidate with another model on one metric. */
export interface Comparison {
  against: 'base' | 'opponent';
  metric: string;
  n: number;
  candidate: number;
  other: number;
  difference: number;
  /** 95 % interval of the difference. */
  interval: [number, number];
  /** Two-sided p value, and the test that gave it. */
  p: number;
  test: 'mcnemar-exact' | 'sign-flip';
}

/** The blob of a gate's decision. */
export interface GateEvidence {
  schema: 1;
  decision: GateDecision;
  reason: string;
  metric: string;
  /** Nats per learned token on held-out rows; null when there were none. */
  loss: { base: number; candidate: number } | null;
  comparisons: Comparison[];
}
