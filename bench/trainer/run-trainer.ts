import { childEnvironment } from '../../src/config.ts';
import { startProcess } from '../../src/process/supervise.ts';

/** One optimizer step of a trainer: when it ended, in ms of this process's clock, and its learned tokens. */
export interface Step {
  at: number;
  targets: number;
}

export interface TrainerRun {
  /** Seconds from the start of the process to the end of its first step. */
  firstStep: number;
  /** Learned tokens a second, from the end of the first step to the end of the last. */
  tokensPerSecond: number;
  steps: number;
  targets: number;
  /** Seconds to the end of the process. */
  wall: number;
  /** What else it said, line by line. */
  lines: Record<string, unknown>[];
}

export interface Trainer {
  name: string;
  command: string;
  args: readonly string[];
  env?: Record<string, string>;
  logFile: string;
  /** The step that a line tells of, or null. */
  stepOf: (line: Record<string, unknown>) => number | null;
}

/** Modules are kept compiled, as Python does unless it is told otherwise. */
const asUsual = {
  PYTHONUNBUFFERED: '1',
  PYTHONDONTWRITEBYTECODE: '',
  HF_HUB_OFFLINE: '1',
  TOKENIZERS_PARALLELISM: 'false',
};

/** Runs a trainer to its end. Throws with the end of its log when it fails. */
export async function runTrainer({ name, command, args, env, logFile, stepOf }: Trainer): Promise<TrainerRun> {
  const started = performance.now();
  const steps: Step[] = [];
  const lines: Record<string, unknown>[] = [];
  const child = startProcess({
    command,
    args,
    env: childEnvironment({ ...asUsual, ...env }),
    logFile,
    stdin: 'lifeline',
    onLine: (text) => {
      const line = JSON.parse(text) as Record<string, unknown>;
      const targets = stepOf(line);
      if (targets === null) lines.push(line);
      else steps.push({ at: performance.now() - started, targets });
    },
  });
  const { code, tail } = await child.exited;
  const wall = (performance.now() - started) / 1000;
  const [first, ...rest] = steps;
  const last = rest.at(-1);
  if (code !== 0 || !first || !last) throw new Error(`${name} ended with ${code} after ${steps.length} steps: ${tail}`);
  const targets = rest.reduce((sum, step) => sum + step.targets, 0);
  return {
    firstStep: first.at / 1000,
    tokensPerSecond: targets / ((last.at - first.at) / 1000),
    steps: steps.length,
    targets: targets + first.targets,
    wall,
    lines,
  };
}
