import { type SettingFault, tellFault } from '../../core/setting-fault.ts';
import type { SettingLine } from './provider-lines.ts';

const widest = 60;

/** A table of what is in force: path, value, and where it comes from. */
export function describeLines(lines: readonly SettingLine[]): string {
  const rows = lines.map((line) => [line.path, told(line.value), sourceOf(line)] as const);
  const width = (at: 0 | 1): number => Math.min(widest, Math.max(0, ...rows.map((row) => row[at].length)));
  const [first, second] = [width(0), width(1)];
  return rows.map(([path, value, source]) => `${path.padEnd(first)}  ${value.padEnd(second)}  ${source}`).join('\n');
}

/** What is wrong, in a line each. */
export function describeFaults(faults: readonly SettingFault[]): string {
  return faults.map((fault) => `${fault.level === 'fault' ? 'wrong  ' : 'look at'}  ${tellFault(fault)}`).join('\n');
}

/** A value as it is shown: of nothing a dash. */
export function told(value: unknown): string {
  if (value === null || value === undefined) return '-';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function sourceOf({ source, place, over }: SettingLine): string {
  const from = place === '' ? source : place;
  return over.length === 0 ? from : `${from}, over ${over.join(', ')}`;
}
