import type { CycleEvent, StepName } from '../src/core/cycle.ts';
import { readEvents } from '../src/store/event-log.ts';

/** Where the seconds of one cycle went. */
export interface CycleTimes {
  wall: number;
  steps: { [S in StepName]?: number };
  /** Of the step import: from the exported folder to the registered model. */
  intoOllama: number;
  /** What no step accounts for: starting, scheduling, and the record of the end. */
  between: number;
}

/** Reads from a cycle's own log how long its steps took; `wall` is what the client waited. */
export async function readCycleTimes(dataDir: string, id: string, wall: number): Promise<CycleTimes> {
  const events = (await readEvents(dataDir, id, 0)).map(({ event }) => event);
  const at = (found: CycleEvent | undefined) => (found ? Date.parse(found.at) : Number.NaN);
  const ofStep = (step: StepName, wanted: (event: CycleEvent) => boolean) =>
    at(events.findLast((event) => event.step === step && wanted(event)));
  const began = (step: StepName) => ofStep(step, ({ kind, data }) => kind === 'step' && data.state === 'running');
  const ended = (step: StepName) => ofStep(step, ({ kind, data }) => kind === 'step' && data.state === 'done');
  const names = [...new Set(events.map(({ step }) => step))].filter((step) => step !== null);
  const steps = Object.fromEntries(names.map((step) => [step, (ended(step) - began(step)) / 1000]));
  const exported = ofStep('import', ({ data }) => data.event === 'result');
  const spent = Object.values(steps).reduce((sum, seconds) => sum + seconds, 0);
  return { wall, steps, intoOllama: (ended('import') - exported) / 1000, between: wall - spent };
}
