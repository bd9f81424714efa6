import type { Evaluation } from '../../core/evaluation.ts';

/** How one model did on the unseen prompts, as shares in [0, 1]. */
export interface Figures {
  compliance: number;
  accuracy: number;
  n: number;
}

/** The last line of `ratchet demo --json`. */
export interface DemoReport {
  cycle: string;
  wall_seconds: number;
  seconds: Record<string, number>;
  before: Figures;
  after: Figures;
  selection: { provider: string; model: string };
}

/** Figures of a role in an evaluation. */
export function figuresOf(evaluation: Evaluation, role: 'candidate' | 'base'): Figures {
  const means = evaluation.means[role] ?? {};
  return { compliance: means.compliance ?? 0, accuracy: means.accuracy ?? 0, n: evaluation.prompts.length };
}

/** A table for people: the figures, and a few answers beside each other. */
export function describeReport(report: DemoReport, samples: readonly Sample[]): string[] {
  const row = (name: string, { compliance, accuracy, n }: Figures) =>
    `  ${name.padEnd(8)} house style ${percent(compliance)}   right answers ${percent(accuracy)}   (${n} unseen prompts)`;
  return [
    '',
    row('before', report.before),
    row('after', report.after),
    '',
    ...samples.flatMap(({ prompt, before, after }) => [
      `  ? ${prompt}`,
      `    before  ${before}`,
      `    after   ${after}`,
      '',
    ]),
    `  active   ${report.selection.provider}/${report.selection.model}`,
    `  time     ${report.wall_seconds.toFixed(0)} s: ${Object.entries(report.seconds)
      .map(([step, seconds]) => `${step} ${seconds.toFixed(1)}`)
      .join(', ')}`,
  ];
}

export interface Sample {
  prompt: string;
  before: string;
  after: string;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`.padStart(7);
}
