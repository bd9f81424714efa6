import { expect, test } from 'vitest';
import { type Estimate, duration, estimateText } from './estimate-view.ts';

test.each([
  [0.2, '1 s'],
  [119, '119 s'],
  [121, '3 min'],
  [7140, '119 min'],
  [7200, '2 h'],
  [7260, '2 h 1 min'],
  [90_001, '25 h 1 min'],
])('%d s are %s', (seconds, said) => {
  expect(duration(seconds)).toBe(said);
});

const found: Estimate = {
  dataset: 'abcdef0123456789',
  base: 'tiny',
  device: 'cpu',
  rows: 40,
  steps: 30,
  epochs: 3,
  tokens: 9000,
  longest: 120,
  seconds: 61.5,
  tokens_per_second: 146.3,
  peak_memory_bytes: 2 ** 30,
  free_memory_bytes: 4 * 2 ** 30,
  fits: true,
  reason: null,
  micro_batch_size: 4,
  recompute: false,
  packed: true,
  combinations: 1,
  refused: null,
};

test('an estimate tells steps, time and memory', () => {
  expect(estimateText(found)).toBe(
    [
      'dataset  abcdef012345  40 rows, the longest of 120 tokens',
      'steps    30 (3 epochs), 9000 tokens, 4 at once, packed',
      'time     62 s on cpu, 146 tokens/s',
      'memory   1.00 GiB of 4.00 GiB free: it fits',
    ].join('\n'),
  );
});

test('what does not fit says why', () => {
  const none = { seconds: null, tokens_per_second: null, free_memory_bytes: null, fits: false };
  const text = estimateText({ ...found, ...none, recompute: true, reason: 'Memory ran out: choose a smaller base.' });
  expect(text).toMatch(
    /activations computed twice\ntime {5}unknown\nmemory {3}1\.00 GiB: it does not fit\nMemory ran out/,
  );
});

test('a sweep takes so many times as long, and says where it would be refused', () => {
  const text = estimateText({ ...found, seconds: 7200, combinations: 4, refused: 'One training takes too long.' });
  expect(text).toMatch(/time {5}2 h on cpu, 146 tokens\/s: 4 trainings of 30 min\n.*\nOne training takes too long\.$/);
});
