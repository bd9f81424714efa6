import type { Config } from '../config.ts';
import { RatchetError } from '../core/errors.ts';
import { chromiumPart } from './chromium.ts';
import { freeMegabytes, gigabytes, requireSpace } from './disk.ts';
import { nodePart } from './node.ts';
import { ollamaPart } from './ollama.ts';
import type { Finding, FoundPart, Part, PartName, Route, SetupContext } from './part.ts';
import {
  clientsPart,
  datasetsPeersPart,
  fakerPart,
  llamacppPart,
  portkeyPart,
  tensorzeroPart,
  trlPart,
} from './peers.ts';
import { pythonDevPart, pythonPart } from './python.ts';
import { temporalPart } from './temporal.ts';

export const parts: Readonly<Record<PartName, Part>> = {
  node: nodePart,
  temporal: temporalPart,
  ollama: ollamaPart,
  python: pythonPart,
  'python-dev': pythonDevPart,
  'python-clients': clientsPart,
  chromium: chromiumPart,
  llamacpp: llamacppPart,
  portkey: portkeyPart,
  tensorzero: tensorzeroPart,
  'datasets-peers': datasetsPeersPart,
  faker: fakerPart,
  trl: trlPart,
};

/** What each use needs. */
export const partsFor = {
  run: ['node', 'temporal', 'ollama', 'python'],
  check: ['node', 'python', 'python-dev'],
  test: ['node', 'temporal', 'ollama', 'python', 'python-dev', 'python-clients', 'chromium'],
} as const satisfies Record<string, readonly PartName[]>;

export interface SetupOptions {
  config: Config;
  signal?: AbortSignal;
  onProgress?: (line: string) => void;
}

export interface PlannedPart extends Route {
  name: PartName;
  title: string;
  /** Why it has to be made. */
  reason: string;
}

export interface Plan {
  present: { name: PartName; part: FoundPart }[];
  needed: PlannedPart[];
  minutes: number;
  megabytes: number;
  freeMegabytes: number;
}

/** Says what a set-up would do, and changes nothing. PartMissing when a setting names a part that cannot be used. */
export async function planParts(names: readonly PartName[], options: SetupOptions): Promise<Plan> {
  const context = contextOf(options);
  const findings = await Promise.all(names.map(async (name) => ({ name, finding: await parts[name].find(context) })));
  const present: Plan['present'] = [];
  const needed: PlannedPart[] = [];
  for (const { name, finding } of findings) {
    if (finding.state === 'ok') {
      present.push({ name, part: finding.part });
      continue;
    }
    refuseFinal(name, finding);
    const { title, route } = parts[name];
    needed.push({ name, title, reason: finding.reason, ...(await route(context)) });
  }
  return {
    present,
    needed,
    minutes: Math.max(0, ...lanesOf(needed).map((lane) => sum(lane.map(({ minutes }) => minutes)))),
    megabytes: sum(needed.map(({ megabytes }) => megabytes)),
    freeMegabytes: freeMegabytes(options.config.cacheDir),
  };
}

/** The plan as lines for a person; empty when nothing is needed. */
export function describePlan(plan: Plan): string[] {
  if (plan.needed.length === 0) return [];
  const line = ({ title, how, reason, minutes, megabytes }: PlannedPart) =>
    `  ${title}: ${reason}; ${how}, about ${minutes} min and ${gigabytes(megabytes)}`;
  const total = `about ${plan.minutes} minutes; ${gigabytes(plan.megabytes)} are needed, ${gigabytes(plan.freeMegabytes)} are free`;
  return [`To set up, ${total}:`, ...plan.needed.map(line)];
}

/**
 * Finds every part, and makes what is missing, after saying so: what compiles beside what is only installed, one of each at a time.
 * When one fails the others are stopped, and the first error is thrown.
 *
 * @example
 * const { temporal, ollama } = await ensureParts(['temporal', 'ollama'], { config, onProgress: console.error });
 */
export async function ensureParts<N extends PartName>(
  names: readonly N[],
  options: SetupOptions,
): Promise<Record<N, FoundPart>> {
  const context = contextOf(options);
  const plan = await planParts(names, options);
  for (const line of describePlan(plan)) context.onProgress(line);
  if (plan.needed.length > 0) requireSpace(options.config.cacheDir, plan.megabytes);
  const found = new Map(plan.present.map(({ name, part }) => [name, part]));
  await together(lanesOf(plan.needed), context, async ({ name }, now) => {
    // An earlier part, or another set-up that was waited for, may have made it by now.
    const finding = await parts[name].find(now);
    found.set(name, finding.state === 'ok' ? finding.part : await parts[name].make(now));
  });
  return Object.fromEntries(found) as Record<N, FoundPart>;
}

/** What is made one after the other, beside what else is. */
function lanesOf(needed: readonly PlannedPart[]): PlannedPart[][] {
  return [...Map.groupBy(needed, ({ name }) => parts[name].compiles === true).values()];
}

/** Takes every lane to its end, in order within it. */
async function together(
  lanes: readonly PlannedPart[][],
  context: SetupContext,
  make: (part: PlannedPart, context: SetupContext) => Promise<void>,
): Promise<void> {
  const failing = new AbortController();
  const signal = context.signal ? AbortSignal.any([context.signal, failing.signal]) : failing.signal;
  const run = async (lane: PlannedPart[]): Promise<void> => {
    try {
      for (const part of lane) {
        if (failing.signal.aborted) return;
        await make(part, { ...context, signal });
      }
    } catch (error) {
      // The reason stays that of the first.
      failing.abort(error);
    }
  };
  await Promise.all(lanes.map(run));
  failing.signal.throwIfAborted();
}

function refuseFinal(name: PartName, finding: Finding): void {
  if (finding.state !== 'missing' || !finding.final) return;
  throw new RatchetError('PartMissing', `${finding.reason}: correct the setting or remove it.`, {
    details: { part: name },
  });
}

function contextOf({ config, signal, onProgress }: SetupOptions): SetupContext {
  return { config, signal, onProgress: onProgress ?? (() => {}) };
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
