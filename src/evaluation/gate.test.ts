import { describe, expect, test } from 'vitest';
import type { GateDecision } from '../core/cycle.ts';
import type { Evaluation } from '../core/evaluation.ts';
import { type Recipe, recipeSchema } from '../core/recipe.ts';
import { type HeldOutLoss, gate } from './gate.ts';
import { mean } from './statistics.ts';

type Scores = Record<string, number[]>;
const defaults = recipeSchema.parse({ name: 'r', base: 'b' }).gate;
const better: HeldOutLoss = { base: 2, candidate: 1 };

function evaluationOf(answers: Record<string, Scores>, served: Partial<Evaluation['served']> = {}): Evaluation {
  const count = Object.values(answers.candidate ?? {})[0]?.length ?? 0;
  const roles = Object.entries(answers);
  return {
    schema: 1,
    source: 'suite',
    prompts: Array.from({ length: count }, (_, index) => String(index)),
    served: { candidate: 'ollama/c', base: 'ollama/b', opponent: 'ollama/o', ...served },
    answers: Object.fromEntries(
      roles.map(([role, scores]) => [
        role,
        Array.from({ length: count }, (_, index) => ({
          text: '',
          scores: Object.fromEntries(Object.entries(scores).map(([metric, values]) => [metric, values[index] ?? 0])),
        })),
      ]),
    ),
    means: Object.fromEntries(
      roles.map(([role, scores]) => [
        role,
        Object.fromEntries(Object.entries(scores).map(([metric, values]) => [metric, mean(values)])),
      ]),
    ),
  };
}

/** `right` of `n` prompts right, the rest wrong. */
function right(count: number, n = 40): number[] {
  return Array.from({ length: n }, (_, index) => (index < count ? 1 : 0));
}

interface Case {
  name: string;
  answers: Record<string, Scores>;
  decision: GateDecision;
  reason: string;
  loss?: HeldOutLoss;
  served?: Partial<Evaluation['served']>;
  rules?: Partial<Recipe['gate']>;
}

const cases: Case[] = [
  {
    name: 'better than both',
    answers: { candidate: { m: right(36) }, base: { m: right(5) }, opponent: { m: right(20) } },
    decision: 'pass',
    reason: 'The candidate is better: m 90.0 % against 12.5 % of the base, 77.5 points',
  },
  {
    name: 'better than the base, which is the opponent',
    answers: { candidate: { m: right(36) }, base: { m: right(5) } },
    served: { opponent: 'ollama/b' },
    decision: 'pass',
    reason: 'The candidate is better',
  },
  {
    name: 'better without held-out rows',
    answers: { candidate: { m: right(36) }, base: { m: right(5) }, opponent: { m: right(5) } },
    loss: null,
    decision: 'pass',
    reason: 'The candidate is better',
  },
  {
    name: 'a held-out loss that did not fall',
    answers: { candidate: { m: right(36) }, base: { m: right(5) }, opponent: { m: right(20) } },
    loss: { base: 2, candidate: 2 },
    decision: 'fail',
    reason: "The held-out loss is not below the base's: 2.0000 against 2.0000 nats per token.",
  },
  {
    name: 'worse than the opponent',
    answers: { candidate: { m: right(20) }, base: { m: right(2) }, opponent: { m: right(36) } },
    decision: 'fail',
    reason: 'The candidate is worse: m 50.0 % against 90.0 % of the opponent',
  },
  {
    name: 'better than the base, equal to the opponent',
    answers: { candidate: { m: right(30) }, base: { m: right(5) }, opponent: { m: right(29) } },
    decision: 'not_enough_evidence',
    reason: 'The difference may be chance: m 75.0 % against 72.5 % of the opponent',
  },
  {
    name: 'too few prompts',
    answers: { candidate: { m: right(9, 10) }, base: { m: right(0, 10) }, opponent: { m: right(0, 10) } },
    decision: 'not_enough_evidence',
    reason: 'Only 10 prompts were answered for m, and the gate needs 20.',
  },
  {
    name: 'the candidate is selected already',
    answers: { candidate: { m: right(36) }, base: { m: right(5) } },
    served: { opponent: 'ollama/c' },
    decision: 'not_enough_evidence',
    reason: 'The candidate is the model that is selected already.',
  },
  {
    name: 'another metric fell too far',
    answers: {
      candidate: { m: right(36), facts: right(30) },
      base: { m: right(5), facts: right(30) },
      opponent: { m: right(20), facts: right(40) },
    },
    rules: { metric: 'm', max_drop: 0.2 },
    decision: 'fail',
    reason: 'facts fell by more than the 20.0 % allowed: facts 75.0 % against 100.0 % of the opponent',
  },
  {
    name: 'another metric fell as far as allowed',
    answers: {
      candidate: { m: right(36), facts: right(30) },
      base: { m: right(5), facts: right(40) },
      opponent: { m: right(20), facts: right(40) },
    },
    rules: { metric: 'm', max_drop: 0.25 },
    decision: 'pass',
    reason: 'The candidate is better',
  },
];

describe('gate', () => {
  test.each(cases)('$name', ({ answers, decision, reason, loss = better, served = {}, rules = {} }) => {
    const evidence = gate(evaluationOf(answers, served), loss, { ...defaults, ...rules });
    expect(evidence.decision).toBe(decision);
    expect(evidence.reason).toContain(reason);
    expect(evidence.comparisons.every(({ p }) => p > 0 && p <= 1)).toBe(true);
  });

  test('gives the same evidence for the same figures', () => {
    const scores = (shift: number) => Array.from({ length: 30 }, (_, index) => ((index * 7) % 10) / 20 + shift);
    const evaluation = evaluationOf({
      candidate: { likeness: scores(0.3) },
      base: { likeness: scores(0) },
      opponent: { likeness: scores(0.1) },
    });
    expect(gate(evaluation, better, defaults)).toEqual(gate(evaluation, better, defaults));
    expect(gate(evaluation, better, defaults).decision).toBe('pass');
  });

  const two = {
    candidate: { a: right(30), b: right(30) },
    base: { a: right(1), b: right(30) },
    opponent: { a: right(1), b: right(30) },
  };
  test.each([
    [null, 'Several metrics were measured (a, b)'],
    ['c', 'The gate\'s metric "c" was not measured: set gate.metric to one of a, b.'],
  ])('metric %j of several is InvalidInput', (metric, message) => {
    expect(() => gate(evaluationOf(two), better, { ...defaults, metric })).toThrow(message);
  });

  test('among several, likeness decides unless another is named', () => {
    const answers = {
      candidate: { likeness: right(30), b: right(30) },
      base: { likeness: right(1), b: right(30) },
      opponent: { likeness: right(1), b: right(30) },
    };
    expect(gate(evaluationOf(answers), better, defaults).metric).toBe('likeness');
    expect(gate(evaluationOf(answers), better, { ...defaults, metric: 'b' }).metric).toBe('b');
  });
});
