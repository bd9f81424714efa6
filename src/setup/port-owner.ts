import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { searchPath } from '../config.ts';
import { findExecutable } from '../process/find.ts';
import { runProcess } from '../process/run.ts';

/** The process that listens on a port. */
export interface PortOwner {
  pid: number;
  /** Its name, as the system shows it. */
  name: string;
  /** How it was started, where the system tells. */
  command: string;
}

/** Who listens on a TCP port of this machine; null when nobody does, or the system does not tell us. */
export async function portOwner(port: number): Promise<PortOwner | null> {
  return process.platform === 'linux' ? fromProc(port) : fromLsof(port);
}

/** State 0A is listening; the inode of the socket leads to the process that has it open. */
function fromProc(port: number): PortOwner | null {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) =>
    linesOf(file).flatMap((line) => {
      const fields = line.trim().split(/\s+/);
      return fields[1]?.endsWith(`:${hex}`) && fields[3] === '0A' && fields[9] ? [`socket:[${fields[9]}]`] : [];
    }),
  );
  if (inodes.length === 0) return null;
  const pid = readdirSync('/proc').find((name) => /^\d+$/.test(name) && hasOpen(name, inodes));
  if (pid === undefined) return null;
  const command = linesOf(`/proc/${pid}/cmdline`).join(' ').replaceAll('\0', ' ').trim();
  return { pid: Number(pid), name: linesOf(`/proc/${pid}/comm`)[0] ?? '?', command };
}

/** A process of somebody else may not be looked into. */
function hasOpen(pid: string, inodes: readonly string[]): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => inodes.includes(readlinkOr(`/proc/${pid}/fd/${fd}`)));
  } catch {
    return false;
  }
}

function readlinkOr(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return [];
  }
}

async function fromLsof(port: number): Promise<PortOwner | null> {
  const command = findExecutable('lsof', searchPath());
  if (command === null) return null;
  const { stdout } = await runProcess({
    command,
    args: ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fpc'],
    timeoutMs: 5_000,
  });
  const [pid, name] = ['p', 'c'].map((field) =>
    stdout
      .split('\n')
      .find((line) => line.startsWith(field))
      ?.slice(1),
  );
  return pid === undefined ? null : { pid: Number(pid), name: name ?? '?', command: name ?? '' };
}
