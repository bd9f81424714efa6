import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isErrno } from '../core/errors.ts';

const pollMs = 25;
/** How long the kernel gets to take SIGKILL to the last of a group, in ms. */
const killWaitMs = 5_000;

/** Sends a signal to every process of a group; false when the group is gone. */
export function signalGroup(pgid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(process.platform === 'win32' ? pgid : -pgid, signal);
    return true;
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return false;
    if (isErrno(error, 'EPERM')) return true;
    throw error;
  }
}

/** Whether a process of the group still runs. Zombies that nobody reaps do not count. */
export function groupRuns(pgid: number): boolean {
  if (!signalGroup(pgid, 0)) return false;
  return process.platform === 'linux' ? groupHasMember(pgid) : true;
}

function groupHasMember(pgid: number): boolean {
  return readdirSync('/proc').some((entry) => /^\d+$/.test(entry) && isLiveMember(entry, pgid));
}

function isLiveMember(pid: string, pgid: number): boolean {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return false;
  }
  // "pid (name, which may hold anything) state ppid pgrp …"
  const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(group) === pgid && state !== 'Z' && state !== 'X';
}

/** SIGTERM, then SIGKILL after the grace; resolves when nothing of the group is left. */
export async function endGroup(pgid: number, graceMs: number): Promise<void> {
  if (!signalGroup(pgid, 'SIGTERM')) return;
  if (await gone(pgid, graceMs)) return;
  signalGroup(pgid, 'SIGKILL');
  await gone(pgid, killWaitMs);
}

async function gone(pgid: number, limitMs: number): Promise<boolean> {
  const end = Date.now() + limitMs;
  while (groupRuns(pgid)) {
    if (Date.now() >= end) return false;
    await sleep(pollMs);
  }
  return true;
}

const ours = new Map<number, () => Promise<unknown>>();
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
let watching = false;

/** Remembers a group, so that it is ended when we are: see {@link watch}. Gives back what forgets it. */
export function adoptGroup(pgid: number, stop: () => Promise<unknown>): () => void {
  watch();
  ours.set(pgid, stop);
  return () => ours.delete(pgid);
}

/**
 * A program that handles a signal itself stops its children in the order that it wants; whatever is left when it
 * exits is killed. Where nobody else listens we stop them all and then end by the same signal.
 */
function watch(): void {
  if (watching) return;
  watching = true;
  process.on('exit', () => {
    for (const pgid of ours.keys()) signalGroup(pgid, 'SIGKILL');
  });
  for (const signal of signals) {
    const onSignal = () => {
      if (process.listenerCount(signal) > 1) return;
      void Promise.allSettled([...ours.values()].map((stop) => stop())).then(() => {
        process.off(signal, onSignal);
        process.kill(process.pid, signal);
      });
    };
    process.on(signal, onSignal);
  }
}
