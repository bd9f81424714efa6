import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeMachine } from './machine.ts';
import { describeResult, jsonLine } from './report.ts';
import { inBatches, openPartial, writeResult } from './results.ts';
import { median } from './statistics.ts';
import type { Result } from './types.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ratchet-bench-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const claims = [
  { name: 'fast', ours: 2, peer: 4, ratio: 0.5, target: 'at most 1.00', holds: true },
  { name: 'small', ours: 9, peer: 3, ratio: 3, target: 'at most 1.00', holds: false },
];
const result = (): Result => ({
  name: 'sample',
  kind: 'bench',
  count: 1,
  claims,
  details: {},
  machine: describeMachine(),
});

test('an interrupted soak goes on where it was, and makes the full count once', async () => {
  const made: number[] = [];
  const soak = (failAt: number) =>
    inBatches({ count: 12, partial: openPartial('soak', folder), tell: () => {} }, 5, async (kills) => {
      if (made.length === failAt) throw new Error('the power failed');
      made.push(kills);
      return { kills };
    });
  await expect(soak(1)).rejects.toThrow('the power failed');
  expect(await soak(-1)).toEqual([{ kills: 5 }, { kills: 5 }, { kills: 2 }]);
  expect(made).toEqual([5, 5, 2]);
  openPartial('soak', folder).clear();
  expect(readdirSync(folder)).toEqual([]);
});

test('a claim that does not hold is said plainly, to people and to programs', () => {
  const lines = describeResult(result());
  expect(lines[1]).toMatch(/^fast .* holds$/);
  expect(lines[2]).toMatch(/^small .* does not hold$/);
  expect(JSON.parse(jsonLine(result()))).toMatchObject({ claims, machine: { cores: expect.any(Number) } });
  expect(jsonLine(result())).not.toContain('\n');
});

test('what is kept names neither host nor user', () => {
  const kept = JSON.parse(readFileSync(writeResult(result(), undefined, folder), 'utf8')) as Result;
  expect(kept.claims).toEqual(claims);
  expect(Object.keys(kept.machine).sort()).toEqual(['cores', 'cpu', 'date', 'load', 'memory_gb', 'node', 'platform']);
});

test('the median of an even number of values lies between the two in the middle', () => {
  expect([median([3, 1, 2]), median([4, 1, 3, 2])]).toEqual([2, 2.5]);
});
