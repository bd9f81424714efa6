import type { Bench, Claim, Result } from './types.ts';

/** A small table for people: each claim beside its target, and plainly whether it holds. */
export function describeResult({ claims, notes, machine }: Result): string[] {
  const head = ['claim', 'ours', 'peer', 'ratio', 'target', ''];
  const rows = [head, ...claims.map(rowOf)];
  const widths = head.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const { cpu, cores, memory_gb, node, load } = machine;
  return [
    ...rows.map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    ),
    ...(notes && notes.length > 0 ? ['', ...notes] : []),
    '',
    `${cores} × ${cpu}, ${memory_gb} GB, Node ${node}, load ${load} at the start`,
  ];
}

function rowOf({ name, ours, peer, ratio, target, holds }: Claim): string[] {
  const figure = (value: number | null) => (value === null ? '–' : String(value));
  return [name, figure(ours), figure(peer), figure(ratio), target, holds ? 'holds' : 'does not hold'];
}

/** The last line of `--json`. */
export function jsonLine({ claims, machine }: Pick<Result, 'claims' | 'machine'>): string {
  return JSON.stringify({ claims, machine });
}

/** What can be run. */
export function describeBenches(benches: readonly Bench[], kind: Bench['kind']): string[] {
  const listed = benches.filter((bench) => bench.kind === kind);
  const width = Math.max(...listed.map(({ name }) => name.length));
  const command = kind === 'bench' ? 'npm run bench' : 'npm run soak';
  return [
    `${command} -- NAME [--json] [--count N] [--fresh]`,
    '',
    ...listed.map(({ name, about, count }) => `  ${name.padEnd(width)}  ${about} (${count})`),
  ];
}
