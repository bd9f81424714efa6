import { hash } from 'node:crypto';
import { type Stats, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { uuidv7 } from '../store/ids.ts';
import { isRunning } from '../process/is-running.ts';

/** From another machine, or container: after so long it counts as left behind, in ms. */
const longest = 24 * 3_600_000;

const host = hash('sha256', hostname()).slice(0, 12);
const own = new Set<string>();
const form = /([0-9a-f]{12})-(\d+)-[0-9a-f-]{36}$/u;

/** A name for a file or folder that only this process writes to; it says whose it is, so that the next can see that it ended. */
export function ownedName(prefix: string): string {
  const name = `${prefix}${host}-${process.pid}-${uuidv7()}`;
  own.add(name);
  return name;
}

/** Whether what has such a name was left behind by a process that has ended, as far as can be told. */
export function isLeftBehind(folder: string, name: string): boolean {
  const [, where, pid] = form.exec(name) ?? [];
  if (where === host) return Number(pid) === process.pid ? !own.has(name) : !isRunning(Number(pid));
  const stats: Stats | undefined = statSync(`${folder}/${name}`, { throwIfNoEntry: false });
  return stats !== undefined && Date.now() - stats.mtimeMs > longest;
}
