import { readFileSync, readdirSync } from 'node:fs';

/** Resident memory of a process and all that it started, in MB, as Linux counts it: what two share counts twice. */
export function treeMemory(pid: number): number {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (/^\d+$/.test(name)) parents.set(Number(name), Number(field(name, 'PPid')));
  }
  let kilobytes = 0;
  const family = [pid];
  for (const member of family) {
    kilobytes += Number.parseInt(field(String(member), 'VmRSS'), 10) || 0;
    for (const [child, parent] of parents) if (parent === member) family.push(child);
  }
  return kilobytes / 1_024;
}

function field(pid: string, name: string): string {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '';
  } catch {
    // It has ended in the meantime.
    return '';
  }
}
