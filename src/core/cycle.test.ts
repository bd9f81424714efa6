import { expect, test } from 'vitest';
import { type Outputs, outputsBefore, retryStepOf } from './cycle.ts';

test.each([
  ['the step that failed', { step: 'train', code: 'OutOfMemory' }, {}, 'train'],
  ['the step that is asked for', { step: 'gate', code: 'InvalidInput' }, { from: 'build' }, 'build'],
  ['what the patch changes', { step: 'gate', code: 'InvalidInput' }, { patch: { train: {}, gate: {} } }, 'train'],
  ['the failed step, not a later one of the patch', { step: 'build', code: 'Bug' }, { patch: { gate: {} } }, 'build'],
  [
    'the gate, when the patch says who promotes',
    { step: 'promote', code: 'Bug' },
    { patch: { promote: 'auto' } },
    'gate',
  ],
  ['the evaluation, when another model was selected', { step: 'promote', code: 'Conflict' }, {}, 'evaluate'],
] as const)('a retry begins at %s', (_, failed, request, step) => {
  expect(retryStepOf(failed, request)).toBe(step);
});

test('outputs before a step leave out its own and later ones', () => {
  const outputs: Outputs = {
    collect: { collection: 'c', examples: 1 },
    build: { dataset: 'd', name: 'n', train: 1, val: 0, test: 0 },
    evaluate: { evaluation: 'e', n: 1 },
  };
  expect(outputsBefore(outputs, 'build')).toEqual({ collect: outputs.collect });
  expect(outputsBefore(outputs, 'gate')).toEqual(outputs);
});
