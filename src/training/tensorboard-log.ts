import { type FileHandle, mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { curveOf } from '../core/curve.ts';
import type { CycleEvent } from '../core/cycle.ts';
import { tensorboardRestart, tensorboardScalars } from './tensorboard.ts';

/** One training, for TensorBoard to watch. */
export interface TensorboardLog {
  /** Takes an event of the training. What it shows is written behind, in order; this never throws. */
  take(event: CycleEvent): void;
  /** Resolves once all is written that can be. Never rejects. */
  close(): Promise<void>;
}

export interface TensorboardLogOptions {
  /** Of this training alone. */
  folder: string;
  /** Ends the names of its files. */
  name: string;
  /** What earlier attempts told of the same training. */
  before: readonly CycleEvent[];
  /** Told once, when something could not be written; nothing is from then on. */
  warn: (message: string) => void;
}

/**
 * Writes the figures of a training into a folder while it trains. Each attempt has a file of its own, which begins with all
 * that is known by then: so no step is missing and none is there twice, whatever an attempt that was killed had written, or
 * half written.
 */
export function openTensorboardLog({ folder, name, before, warn }: TensorboardLogOptions): TensorboardLog {
  const known = [...before];
  let begun = false;
  let failed = false;
  let file: FileHandle | null = null;
  let last: Promise<void> = Promise.resolve();

  function inTurn(write: () => Promise<void>): void {
    last = last.then(async () => {
      if (failed) return;
      try {
        await write();
      } catch (error) {
        failed = true;
        warn(`TensorBoard sees no more of this training, since ${folder} cannot be written: ${String(error)}`);
      }
    });
  }

  function begin(): void {
    begun = true;
    const first = tensorboardRestart(curveOf(known.splice(0)));
    inTurn(async () => {
      file = await createNext(folder, name);
      await file.appendFile(first);
    });
  }

  return {
    take(event) {
      const isShown = event.data.event === 'step' || event.data.event === 'validation';
      if (!begun) {
        known.push(event);
        if (isShown) begin();
      } else if (isShown) {
        inTurn(async () => file?.appendFile(tensorboardScalars(curveOf([event]))));
      }
    },
    async close() {
      await last;
      await file?.close().catch(() => undefined);
    },
  };
}

/** A file that comes after those that are there in the order of names, in which TensorBoard reads them. */
async function createNext(folder: string, name: string): Promise<FileHandle> {
  await mkdir(folder, { recursive: true });
  const numbers = (await readdir(folder)).map((there) =>
    Number(/^events\.out\.tfevents\.(\d+)\./.exec(there)?.[1] ?? 0),
  );
  const number = Math.max(0, ...numbers) + 1;
  return open(join(folder, `events.out.tfevents.${String(number).padStart(10, '0')}.${name}`), 'ax');
}
