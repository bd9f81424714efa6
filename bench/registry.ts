import { orchestration } from './orchestration.ts';
import { recorder } from './soak-recorder.ts';
import { trainer } from './soak-trainer.ts';
import type { Bench } from './types.ts';

/** Every bench and soak there is. */
export const benches: readonly Bench[] = [orchestration, recorder, trainer];
