import { expect, test } from 'vitest';
import { killUnderLoad } from '../fixtures/kill-under-load.ts';

test('kill -9 of the API under load loses no acknowledged chat', async () => {
  const report = await killUnderLoad(5);
  expect(report).toMatchObject({ kills: 5, lost: [], twice: 0, sound: true, open: 0 });
  expect(report.acknowledged).toBeGreaterThan(20);
  expect(report.interrupted).toBeGreaterThan(0);
});
