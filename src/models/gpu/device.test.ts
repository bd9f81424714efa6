import { expect, test } from 'vitest';
import { createMachine, readFree } from './device.ts';

test.each([
  ['40536\n', 40_536 * 2 ** 20],
  [' 12\n24576\n', 12 * 2 ** 20],
  ['0', 0],
  ['[N/A]\n', null],
  ['', null],
  ['No devices were found', null],
])('what nvidia-smi prints: %j', (printed, bytes) => {
  expect(readFree(printed)).toBe(bytes);
});

test('a machine whose GPUs are hidden has none, and its memory is that of the machine', async () => {
  for (const hidden of ['', '-1']) expect(await createMachine(hidden).hasGpu()).toBe(false);
  expect(await createMachine('').free('cpu')).toBeGreaterThan(0);
});
