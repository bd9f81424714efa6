import { expect, test } from 'vitest';
import { killTrainer } from '../fixtures/kill-trainer.ts';

const kills = 2;

test('a GPU worker killed in mid-training goes on from its checkpoint and ends with the same adapter', async () => {
  const report = await killTrainer(kills);
  expect(report.resumedAt).toHaveLength(kills);
  expect(Math.min(...report.resumedAt)).toBeGreaterThan(0);
  expect(report.digest).toMatch(/^[0-9a-f]{64}$/);
  expect(report.digest).toBe(report.undisturbed);
  expect(report.left).toEqual([]);
});
