import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** Committed for young objects, in bytes: as with `--max-semi-space-size=8`. */
const enough = 16 * 2 ** 20;

/**
 * Keeps V8 from taking memory because the machine has it. A gateway makes many objects that live for one call: left alone,
 * V8 lets the heap grow to three times of what is in use before it looks, and the space for young objects to 48 MB. The
 * settings that a process can be started with do the same, but not every way to start this one can give them.
 */
export function boundMemory(): void {
  setFlagsFromString('--heap-growing-percent=50');
  if (isYoungSpaceBound()) return;
  const observer = new PerformanceObserver(() => {
    if (isYoungSpaceBound()) observer.disconnect();
  });
  observer.observe({ entryTypes: ['gc'] });
}

function isYoungSpaceBound(): boolean {
  const young = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space');
  if ((young?.space_size ?? 0) < enough) return false;
  setFlagsFromString('--semi-space-growth-factor=1');
  return true;
}
