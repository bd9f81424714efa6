import type { CycleEvent } from './cycle.ts';
import type { StepEvent } from './job.ts';

/** Figures of a training step that a curve shows; see {@link StepEvent}. */
export const pointFields = [
  'step',
  'loss',
  'learning_rate',
  'grad_norm',
  'tokens_per_second',
  'memory_bytes',
] as const satisfies (keyof StepEvent)[];
export type Point = Record<(typeof pointFields)[number], number | null>;

/** The series of a training, each step once and in order. */
export interface Curve {
  /** Steps of the whole training; null until one is made. */
  steps: number | null;
  points: Point[];
  validations: { step: number; loss: number | null }[];
  /** The step after which it ended early; null where it did not. */
  early_stop: number | null;
}

/**
 * The curve of the last training in a cycle's events, of a sweep that of the training that was kept. Steps that were made again
 * after a resume count once, those that a killed worker did not write are told again by the trainer, and a training that began
 * anew has a curve of its own.
 */
export function curveOf(events: Iterable<CycleEvent>): Curve {
  const trainings = new Map<unknown, Training>();
  let shown: Training = { curve: emptyCurve(), anew: false };
  for (const { step, data } of events) {
    if (step !== 'train') continue;
    const training = trainings.get(data.combination) ?? { curve: emptyCurve(), anew: false };
    if (data.event === 'swept' || told.has(data.event)) {
      shown = training;
      trainings.set(data.combination, training);
    }
    follow(training, data);
  }
  const { curve } = shown;
  return {
    steps: curve.steps,
    points: inOrder(curve.points),
    validations: inOrder(curve.validations),
    early_stop: curve.earlyStop,
  };
}

/** Events of a trainer that a curve shows something of. */
const told: ReadonlySet<unknown> = new Set(['started', 'resumed', 'step', 'validation', 'curve', 'early_stop']);

interface Training {
  curve: Gathered;
  /** Whether it was started and has not said yet where it goes on. */
  anew: boolean;
}

function follow(training: Training, data: CycleEvent['data']): void {
  if (data.event === 'started') training.anew = true;
  else if (data.event === 'resumed') {
    training.anew = false;
    training.curve = upTo(training.curve, Number(data.step));
  } else if (training.anew && (data.event === 'step' || data.event === 'validation')) {
    training.anew = false;
    training.curve = emptyCurve();
  }
  take(training.curve, data);
}

interface Gathered {
  steps: number | null;
  points: Map<number, Point>;
  validations: Map<number, Curve['validations'][number]>;
  earlyStop: number | null;
}

function emptyCurve(): Gathered {
  return { steps: null, points: new Map(), validations: new Map(), earlyStop: null };
}

function take(curve: Gathered, data: CycleEvent['data']): void {
  if (data.event === 'step') {
    curve.steps = numberOf(data.steps);
    curve.points.set(
      Number(data.step),
      pointOf((field) => data[field]),
    );
  } else if (data.event === 'validation') {
    const step = Number(data.step);
    curve.validations.set(step, { step, loss: numberOf(data.loss) });
  } else if (data.event === 'early_stop') {
    curve.earlyStop = numberOf(data.step);
  } else if (data.event === 'curve') {
    const fields = data.fields as string[];
    for (const values of data.points as number[][]) {
      const point = pointOf((field) => values[fields.indexOf(field)]);
      curve.points.set(Number(point.step), point);
    }
  }
}

function upTo(curve: Gathered, last: number): Gathered {
  const kept = <T>(from: Map<number, T>) => new Map([...from].filter(([step]) => step <= last));
  return { ...curve, points: kept(curve.points), validations: kept(curve.validations), earlyStop: null };
}

function pointOf(value: (field: string) => unknown): Point {
  return Object.fromEntries(pointFields.map((field) => [field, numberOf(value(field))])) as Point;
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function inOrder<T>(from: Map<number, T>): T[] {
  return [...from].sort(([a], [b]) => a - b).map(([, value]) => value);
}
