import { isObject } from '../core/canonical.ts';
import type { CycleRecord, StepRecord, Store } from '../store/types.ts';

/** A cycle that built one of the dataset versions, and the keys of its step calls. */
interface CycleRuns {
  cycle: string;
  keys: string[];
  /** Whether it learns from the version, or measures with it, right now. */
  isAtWork: boolean;
}

const learning: ReadonlySet<string> = new Set(['train', 'validate', 'import', 'evaluate']);

/** The runs of every cycle that built one of these dataset versions. */
export async function* runsWith(
  { cycles }: Pick<Store, 'cycles'>,
  digests: ReadonlySet<string>,
): AsyncGenerator<CycleRuns> {
  if (digests.size === 0) return;
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<Store['cycles']['list']>> = await cycles.list(
      {},
      { limit: 100, ...(cursor !== null && { cursor }) },
    );
    for (const cycle of page.items) {
      const steps = await cycles.stepsOf(cycle.id);
      if (!steps.some((step) => builtOne(step, digests))) continue;
      yield { cycle: cycle.id, keys: steps.map(({ key }) => key), isAtWork: isAtWork(cycle) };
    }
    cursor = page.next;
  } while (cursor !== null);
}

function builtOne({ step, output }: StepRecord, digests: ReadonlySet<string>): boolean {
  return step === 'build' && isObject(output) && typeof output.dataset === 'string' && digests.has(output.dataset);
}

function isAtWork({ state, step }: CycleRecord): boolean {
  return state === 'running' && step !== null && learning.has(step);
}
