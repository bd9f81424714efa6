import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { ensureParts } from '../../src/setup/ensure.ts';
import { killJob } from '../fixtures/kill-job.ts';
import { killTrainer } from '../fixtures/kill-trainer.ts';

const kills = 2;

test('a GPU worker killed in mid-training goes on from its checkpoint and ends with the same adapter', async () => {
  const report = await killTrainer(kills);
  expect(report.resumedAt).toHaveLength(kills);
  expect(Math.min(...report.resumedAt)).toBeGreaterThan(0);
  expect(report.digest).toMatch(/^[0-9a-f]{64}$/);
  expect(report.digest).toBe(report.undisturbed);
  expect(report.lost).toBeLessThanOrEqual(report.interval);
  expect(report.left).toEqual([]);
});

test('a training process killed at random moments loses one checkpoint interval at most, and no bit', async () => {
  const python = (await ensureParts(['python'], { config: loadConfig() })).python.path;
  // Of the longest life that there is; drawn once, so that the first falls into the training.
  const moments = [0.31, 0.74, 0.12];
  const report = await killJob(python, moments.length, () => moments.shift() ?? 1);
  expect(report.kills).toBeGreaterThan(0);
  expect(report.lost).toBeLessThanOrEqual(report.interval);
  expect(report.digest).toMatch(/^[0-9a-f]{64}$/);
  expect(report.digest).toBe(report.undisturbed);
});
