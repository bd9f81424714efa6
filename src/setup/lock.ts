import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isErrno, RatchetError } from '../core/errors.ts';
import type { SetupContext } from './part.ts';
import { isRunning } from '../process/is-running.ts';

const pollMs = 500;

/** Runs `work` while no other set-up of the same name does. A lock whose owner is gone is taken over. */
export async function withLock<T>(
  { folder, name }: { folder: string; name: string },
  { signal, onProgress }: Pick<SetupContext, 'signal' | 'onProgress'>,
  work: () => Promise<T>,
): Promise<T> {
  mkdirSync(folder, { recursive: true });
  const lock = join(folder, `${name}.lock`);
  let told = false;
  while (!take(folder, lock)) {
    if (signal?.aborted) throw new RatchetError('Cancelled', 'The set-up was cancelled.', { cause: signal.reason });
    const owner = ownerOf(lock);
    if (owner !== null && !isRunning(owner)) {
      breakLock(lock, owner);
      continue;
    }
    if (!told) onProgress(`${name}: another set-up (process ${owner ?? 'unknown'}) is at work, waiting for it`);
    told = true;
    await sleep(pollMs);
  }
  try {
    return await work();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

/** A folder that names its owner is renamed into place: there is never a lock without an owner. */
function take(folder: string, lock: string): boolean {
  const mine = mkdtempSync(join(folder, '.lock-'));
  writeFileSync(join(mine, 'pid'), String(process.pid));
  try {
    renameSync(mine, lock);
    return true;
  } catch (error) {
    rmSync(mine, { recursive: true, force: true });
    if (isErrno(error, 'ENOTEMPTY') || isErrno(error, 'EEXIST') || isErrno(error, 'EPERM')) return false;
    throw error;
  }
}

function ownerOf(lock: string): number | null {
  try {
    return Number(readFileSync(join(lock, 'pid'), 'utf8'));
  } catch {
    return null;
  }
}

/** Two may find the same dead owner: what was moved away by mistake is put back. */
function breakLock(lock: string, deadOwner: number): void {
  const aside = `${lock}.${process.pid}`;
  try {
    renameSync(lock, aside);
    if (ownerOf(aside) === deadOwner) rmSync(aside, { recursive: true, force: true });
    else renameSync(aside, lock);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}
