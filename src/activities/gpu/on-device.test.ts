import { expect, test } from 'vitest';
import { defaultSettings } from '../../core/settings.ts';
import type { LeaseMode } from '../../core/gpu.ts';
import { leasedDevice } from './on-device.ts';

test.each<[LeaseMode, 'auto' | 'cpu' | 'cuda', boolean, 'gpu' | 'cpu' | null]>([
  ['auto', 'auto', true, 'gpu'],
  ['auto', 'auto', false, null],
  ['auto', 'cuda', false, 'gpu'],
  ['auto', 'cpu', true, null],
  ['always', 'auto', true, 'gpu'],
  ['always', 'auto', false, 'cpu'],
  ['always', 'cpu', true, 'cpu'],
  ['never', 'cuda', true, null],
  ['never', 'auto', true, null],
])('lease %s, a job on %s, a GPU there: %s', async (lease, asked, hasGpu, device) => {
  const settings = () => ({ ...defaultSettings.gpu, lease });
  const machine = { hasGpu: async () => hasGpu, free: async () => null };
  expect(await leasedDevice({ machine, settings }, asked)).toBe(device);
});
