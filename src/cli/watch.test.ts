import { expect, test } from 'vitest';
import type { CycleEvent } from '../core/cycle.ts';
import { describeEvent } from './watch.ts';

const frame = { at: '2026-01-01T00:00:00Z', cycle: 'c', step: 'train' as const };
const step = { event: 'step', step: 3, steps: 60, loss: 0.51234, tokens_per_second: 812.4, eta_seconds: 11.2 };

test.each<[Pick<CycleEvent, 'kind' | 'data'>, string | null]>([
  [{ kind: 'progress', data: step }, '  train 3/60  loss 0.5123  812 tokens/s  12 s left'],
  [{ kind: 'progress', data: { done: 4, total: 9, model: 'ollama/x' } }, '  train 4/9  ollama/x'],
  [
    { kind: 'progress', data: { ...step, eta_seconds: 7300 } },
    '  train 3/60  loss 0.5123  812 tokens/s  2 h 2 min left',
  ],
  [
    { kind: 'progress', data: { ...step, combination: 2, of: 4 } },
    '  train (2 of 4) 3/60  loss 0.5123  812 tokens/s  12 s left',
  ],
  [
    { kind: 'progress', data: { event: 'sweep', combination: 2, message: 'Training 2 of 4.' } },
    '  train: Training 2 of 4.',
  ],
  [{ kind: 'progress', data: { event: 'checkpoint' } }, null],
  [{ kind: 'progress', data: { event: 'micro_batch', size: 4, why: null } }, null],
  [
    { kind: 'progress', data: { event: 'micro_batch', size: 2, why: 'Memory ran out with 4 sequences at once.' } },
    '  train: note: Memory ran out with 4 sequences at once. 2 go through the model at once from here on.',
  ],
  [
    { kind: 'progress', data: { event: 'early_stop', step: 40, best_step: 20 } },
    '  train ended early after step 40: the held-out loss no longer falls',
  ],
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
