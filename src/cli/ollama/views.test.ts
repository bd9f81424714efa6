import { expect, test } from 'vitest';
import { tableText } from '../table.ts';
import { progressText, sizeText, timeText } from './views.ts';

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1.0 kB'],
  [1_277_072, '1.3 MB'],
  [397_000_000, '397 MB'],
  [4_700_000_000, '4.7 GB'],
  [2e15, '2000 TB'],
])('%d bytes are %s', (bytes, text) => {
  expect(sizeText(bytes)).toBe(text);
});

test.each([
  [0, '0 s'],
  [99, '99 s'],
  [600, '10 min'],
  [3_840 * 2, '2 h 8 min'],
])('%d seconds are %s', (seconds, text) => {
  expect(timeText(seconds)).toBe(text);
});

test('progress has a bar on a terminal, and its figures everywhere', () => {
  const progress = { bytes: 5e8, total: 1e9, percent: 50, bytes_per_second: 2.5e7, seconds_left: 20 };
  expect(progressText('pulling', progress, true)).toBe(
    'pulling ▕████████████            ▏ 50%  500 MB of 1.0 GB  25.0 MB/s  20 s left',
  );
  const known = { ...progress, bytes_per_second: null, seconds_left: null };
  expect(progressText('pulling', known, false)).toBe('pulling 50%  500 MB of 1.0 GB');
});

test('columns are as wide as they need to be', () => {
  expect(
    tableText([
      ['NAME', 'SIZE'],
      ['a-long-name', '1'],
      ['b', '22'],
    ]),
  ).toBe('NAME         SIZE\na-long-name  1\nb            22');
});
