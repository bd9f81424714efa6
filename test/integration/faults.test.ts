import { expect, test } from 'vitest';
import { type FaultsReport, runThroughFaults } from '../fixtures/faults/run.ts';

const nothingWrong: FaultsReport['faults'] = {
  wrong: [],
  unrecorded: [],
  otherwise: [],
  notPassedOver: [],
  miscounted: [],
};

test('three hundred chats through providers that fail in every way: none is wrong, lost, counted wrongly or left open', async () => {
  const report = await runThroughFaults({ count: 300, atOnce: 32, seed: 'a small run', deadlineSeconds: 3 });
  expect(report).toMatchObject({ chats: 300, faults: nothingWrong, inFlight: 0, hanging: 0, open: 0 });
  expect(report.ends.whole).toBeGreaterThan(100);
  expect(report.ends.error).toBeGreaterThan(10);
  expect(Object.keys(report.injected).length).toBeGreaterThan(12);
  expect(report.passedOver.counted).toEqual(report.passedOver.seen);
  expect(report.passedOver.seen['alpha']).toBeGreaterThan(20);
  const { before, after } = report.descriptors;
  expect(after.sockets).toBeLessThanOrEqual(before.sockets);
  expect(after.files).toBeLessThanOrEqual(before.files);
}, 180_000);
