import { existsSync } from 'node:fs';
import { freemem } from 'node:os';
import { searchPath } from '../../config.ts';
import { findExecutable } from '../../process/find.ts';
import { runProcess } from '../../process/run.ts';

export type Device = 'gpu' | 'cpu';

/** What is known of this machine's GPU without Python, and of its memory. */
export interface Machine {
  /** Whether there is a GPU that PyTorch may use. */
  hasGpu(): Promise<boolean>;
  /** Free memory of a device, in bytes; null where nobody tells. */
  free(device: Device): Promise<number | null>;
}

/** The driver of AMD's GPUs, which have no `nvidia-smi`. */
const rocm = '/dev/kfd';
const mebibyte = 2 ** 20;
const timeoutMs = 10_000;

/** Looks at this machine. `visible` is `CUDA_VISIBLE_DEVICES`, whose first entry is the GPU that training uses. */
export function createMachine(visible: string | undefined): Machine {
  const first = visible?.split(',')[0]?.trim();
  let found: Promise<boolean> | null = null;
  const smi = () => askNvidia(first === undefined || first === '' ? [] : ['-i', first]);
  return {
    hasGpu: () => (found ??= visible === '' || visible === '-1' ? Promise.resolve(false) : look(smi)),
    free: async (device) => (device === 'cpu' ? freemem() : smi()),
  };
}

async function look(smi: () => Promise<number | null>): Promise<boolean> {
  return (await smi()) !== null || existsSync(rocm);
}

/** Free memory of the first GPU that is asked about, in bytes; null where there is none, or it does not tell. */
async function askNvidia(which: readonly string[]): Promise<number | null> {
  const command = findExecutable('nvidia-smi', searchPath());
  if (command === null) return null;
  const args = [...which, '--query-gpu=memory.free', '--format=csv,noheader,nounits'];
  const { code, stdout } = await runProcess({ command, args, timeoutMs }).catch(() => ({ code: 1, stdout: '' }));
  return code === 0 ? readFree(stdout) : null;
}

/** The first line of what `nvidia-smi` prints, in MiB, as bytes; null when it is no number, as on boards that do not tell. */
export function readFree(printed: string): number | null {
  const mib = /^\s*(\d+)\s*(?:\n|$)/.exec(printed)?.[1];
  return mib === undefined ? null : Number(mib) * mebibyte;
}
