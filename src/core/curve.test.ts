import { expect, test } from 'vitest';
import { curveOf, pointFields } from './curve.ts';
import type { CycleEvent } from './cycle.ts';

const event = (data: Record<string, unknown>): CycleEvent => ({
  at: '2026-01-01T00:00:00Z',
  cycle: 'c',
  step: 'train',
  kind: 'progress',
  data,
});
const started = event({ event: 'started' });
const resumed = (step: number) => event({ event: 'resumed', step });
const validation = (step: number, loss: number) => event({ event: 'validation', step, loss });
const figures = (step: number, loss: number) => ({
  step,
  loss,
  learning_rate: 0.1,
  grad_norm: 1,
  tokens_per_second: 9,
  memory_bytes: 7,
});
const steps = (from: number, to: number, loss = 1) =>
  Array.from({ length: to - from + 1 }, (_, at) => event({ event: 'step', steps: 9, ...figures(from + at, loss) }));
const again = (from: number, to: number, loss = 1) => {
  const points = Array.from({ length: to - from + 1 }, (_, at) => {
    const point = figures(from + at, loss);
    return pointFields.map((field) => point[field]);
  });
  return event({ event: 'curve', fields: pointFields, points });
};
const shown = (...events: CycleEvent[]) => {
  const { points, validations } = curveOf(events);
  return [points.map(({ step, loss }) => [step, loss]), validations.map(({ step }) => step)];
};
const all = (to: number, loss = 1) => Array.from({ length: to }, (_, at) => [at + 1, loss]);

test.each<[string, CycleEvent[], unknown[]]>([
  ['nothing yet', [], [[], []]],
  ['a run left in peace', [started, ...steps(1, 4), validation(4, 2)], [all(4), [4]]],
  ['steps made again', [started, ...steps(1, 6), started, resumed(4), ...steps(5, 9)], [all(9), []]],
  [
    'steps and a validation that the resume takes back',
    [started, ...steps(1, 6), validation(6, 1), started, resumed(4)],
    [all(4), []],
  ],
  [
    'steps that a killed worker did not write',
    [started, ...steps(1, 2), started, resumed(4), again(1, 4), ...steps(5, 6)],
    [all(6), []],
  ],
  ['a training that began anew', [started, ...steps(1, 6, 3), validation(6, 1), started, ...steps(1, 2)], [all(2), []]],
  ['a kill before the first checkpoint', [started, ...steps(1, 3), started], [all(3), []]],
])('%s', (_, events, expected) => {
  expect(shown(...events)).toEqual(expected);
});

const inSweep = (combination: number, ...events: CycleEvent[]) =>
  events.map((one) => ({ ...one, data: { ...one.data, combination } }));

test.each<[string, CycleEvent[], unknown[]]>([
  [
    'of a sweep the training that goes on',
    [...inSweep(1, started, ...steps(1, 4)), ...inSweep(2, started, ...steps(1, 2, 5))],
    [all(2, 5), []],
  ],
  [
    'of a sweep that is over the one that was kept, with what it was before a kill',
    [
      ...inSweep(1, started, ...steps(1, 3), started, resumed(2), ...steps(3, 4), validation(4, 1)),
      ...inSweep(2, started, ...steps(1, 2, 5)),
      ...inSweep(1, event({ event: 'swept' })),
    ],
    [all(4), [4]],
  ],
  [
    'a single training after a sweep',
    [...inSweep(1, started, ...steps(1, 3), event({ event: 'swept' })), started, ...steps(1, 1, 7)],
    [all(1, 7), []],
  ],
])('%s', (_, events, expected) => {
  expect(shown(...events)).toEqual(expected);
});

test('all figures are there, those of other steps of the cycle are not, and one that is no number is null', () => {
  const other = { ...steps(8, 8)[0], step: 'validate' } as CycleEvent;
  const lost = event({ event: 'step', steps: 9, ...figures(2, 1), grad_norm: null });
  const curve = curveOf([started, ...steps(1, 1), lost, other, event({ event: 'early_stop', step: 2 })]);
  expect(curve).toEqual({
    steps: 9,
    points: [figures(1, 1), { ...figures(2, 1), grad_norm: null }],
    validations: [],
    early_stop: 2,
  });
});
