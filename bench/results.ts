import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Batches, Result } from './types.ts';

/** Where what was measured is kept. */
export const resultsFolder = join(import.meta.dirname, 'results');

/** `name` is that of the file, without its end. */
export function writeResult(result: Result, name = result.name, folder = resultsFolder): string {
  const file = join(folder, `${name}.json`);
  writeWhole(file, result);
  return file;
}

/** Batches that a soak has finished, in a file beside its result, until the result itself is there. */
export function openPartial(name: string, folder = resultsFolder): Batches & { clear(): void } {
  const file = join(folder, `${name}.partial.json`);
  const read = <T>(): T[] => (existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T[]) : []);
  return {
    read,
    add: (batch) => writeWhole(file, [...read(), batch]),
    clear: () => rmSync(file, { force: true }),
  };
}

function writeWhole(file: string, value: unknown): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.tmp`, `${JSON.stringify(value, null, 2)}\n`);
  renameSync(`${file}.tmp`, file);
}

/** Does a count in batches, each kept when it is done, and goes on from those of an interrupted run. */
export async function inBatches<T extends { kills: number }>(
  { count, partial, tell }: { count: number; partial: Batches; tell: (line: string) => void },
  size: number,
  body: (kills: number) => Promise<T>,
): Promise<T[]> {
  const batches = partial.read<T>();
  let done = batches.reduce((sum, { kills }) => sum + kills, 0);
  if (done > 0) tell(`Going on after ${done} of an earlier run; --fresh begins anew.`);
  while (done < count) {
    const batch = await body(Math.min(size, count - done));
    partial.add(batch);
    batches.push(batch);
    done += batch.kills;
    tell(`  ${done}/${count}`);
  }
  return batches;
}
