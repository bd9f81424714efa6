import { expect, test } from 'vitest';
import { type FaultsReport, runThroughFaults } from '../fixtures/faults/run.ts';

/** Files that the store opens when it first needs them. */
const openedLate = 4;

const nothingWrong: FaultsReport['faults'] = {
  wrong: [],
  unrecorded: [],
  otherwise: [],
  notPassedOver: [],
  miscounted: [],
};

test.each([
  ['that are asked again and again', false],
  ['that are left alone when they fail often', true],
])(
  'chats through providers that fail in every way, %s: none is wrong, late, lost, counted wrongly or left open',
  async (_, breakers) => {
    const seed = `breakers: ${breakers}`;
    const report = await runThroughFaults({ count: 300, atOnce: 32, seed, deadlineSeconds: 3, breakers });
    expect(report).toMatchObject({ chats: 300, faults: nothingWrong, inFlight: 0, hanging: 0, open: 0 });
    expect(report.ends.whole).toBeGreaterThan(100);
    expect(report.ends.error).toBeGreaterThan(10);
    expect(Object.keys(report.injected).length).toBeGreaterThan(12);
    expect(report.attempts.counted).toEqual(report.attempts.recorded);
    expect(report.attempts.recorded['alpha']).toBeGreaterThan(20);
    const { before, after } = report.descriptors;
    expect(after.sockets).toBeLessThanOrEqual(before.sockets);
    expect(after.files).toBeLessThanOrEqual(before.files + openedLate);
  },
);
