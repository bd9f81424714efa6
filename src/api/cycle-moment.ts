import { isDeepStrictEqual } from 'node:util';
import type { CycleRecord, CycleStore, StepRecord } from '../store/types.ts';

/** A cycle and its step calls as they stood at one moment: both are read again where the cycle went on in between. */
export async function atOneMoment(
  cycles: Pick<CycleStore, 'get' | 'stepsOf'>,
  cycle: CycleRecord,
): Promise<{ cycle: CycleRecord; calls: StepRecord[] }> {
  for (let before = cycle; ; ) {
    const calls = await cycles.stepsOf(cycle.id);
    const after = (await cycles.get(cycle.id)) ?? before;
    if (isDeepStrictEqual(before, after)) return { cycle: after, calls };
    before = after;
  }
}
