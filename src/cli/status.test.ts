import { expect, test } from 'vitest';
import { statusText } from './status.ts';

const health = {
  state: 'yellow',
  version: '1.2.3',
  parts: { store: { state: 'green', reason: 'It answers.' } },
} as const;
const lease = {
  host: 'box',
  device: 'gpu',
  cycle_id: 'c1',
  step: 'train',
  since: '2026-11-01T10:00:00.000Z',
  until: null,
};

test('a glance at what is open and who has the GPU', () => {
  expect(statusText({ health, gpu: { host: 'box', items: [] }, cycles: [] })).toBe(
    'Ratchet 1.2.3: yellow\n  store: green. It answers.\nNo cycle is open.\nNobody has the GPU of box.',
  );
  const cycle = { id: 'c1', name: 'support', base: 'tiny', state: 'running' as const, step: 'train' };
  const until = '2026-11-01T11:00:00.000Z';
  const estimate = { ...lease, host: 'third', cycle_id: null, step: 'estimate' };
  const items = [lease, { ...lease, host: 'other', device: 'cpu', until }, estimate];
  expect(
    statusText({ health, gpu: { host: 'box', items }, cycles: [cycle, { ...cycle, id: 'c2', step: null }] }).split(
      '\n',
    ),
  ).toEqual([
    'Ratchet 1.2.3: yellow',
    '  store: green. It answers.',
    'Open cycles:',
    '  c1  support on tiny: running, train',
    '  c2  support on tiny: running',
    'The GPU of box is held by the step train of cycle c1 since 2026-11-01T10:00:00.000Z.',
    `other (cpu) is held by the step train of cycle c1 since 2026-11-01T10:00:00.000Z, until about ${until}.`,
    'The GPU of third is held by an estimate since 2026-11-01T10:00:00.000Z.',
  ]);
});
