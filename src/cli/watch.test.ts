import { expect, test } from 'vitest';
import type { CycleEvent } from '../core/cycle.ts';
import { describeEvent } from './watch.ts';

const frame = { at: '2026-01-01T00:00:00Z', cycle: 'c', step: 'train' as const };
const step = { event: 'step', step: 3, steps: 60, loss: 0.51234, tokens_per_second: 812.4, eta_seconds: 11.2 };

test.each<[Pick<CycleEvent, 'kind' | 'data'>, string | null]>([
  [{ kind: 'progress', data: step }, '  train 3/60  loss 0.5123  812 tokens/s  12 s left'],
  [{ kind: 'progress', data: { done: 4, total: 9, model: 'ollama/x' } }, '  train 4/9  ollama/x'],
  [{ kind: 'progress', data: { event: 'checkpoint' } }, null],
  [{ kind: 'step', data: { state: 'running', attempt: 1 } }, '  train …'],
  [{ kind: 'step', data: { state: 'failed', message: 'The disk is full.' } }, '  train failed: The disk is full.'],
  [{ kind: 'warning', data: { message: 'Few rows.' } }, '  train: note: Few rows.'],
  [{ kind: 'state', data: { state: 'running' } }, 'running'],
  [{ kind: 'state', data: { state: 'completed', result: { reason: 'Better.' } } }, 'completed: Better.'],
  [
    { kind: 'state', data: { state: 'needs_attention', attention: { message: 'It diverged.', advice: 'Go slower.' } } },
    'needs attention: It diverged. Go slower.',
  ],
])('%j', (event, line) => {
  expect(describeEvent({ ...frame, ...event })).toBe(line);
});
