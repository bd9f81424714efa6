import { accessSync, constants, existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { type Config, searchPath } from '../config.ts';
import { findExecutable } from '../process/find.ts';
import { runProcess } from '../process/run.ts';
import type { Check } from './check.ts';
import { checkExposure } from './check-exposure.ts';
import { checkKeyFiles } from './check-keys.ts';
import { checkOllamaStart } from './check-ollama-start.ts';
import { checkPorts } from './check-ports.ts';
import { freeMegabytes, gigabytes } from './disk.ts';
import { whyUnsafe } from './ollama.ts';

const roomyMegabytes = 12_000;
const leastMegabytes = 1_000;
const answerMs = 2_000;

/** The state of the machine around the parts: disk, folders, files of keys, ports, Ollama and GPU. */
export async function runChecks(config: Config): Promise<Check[]> {
  const checks = await Promise.all([
    checkPorts(config),
    checkOllama(config),
    checkExposure(config.ollamaUrl),
    checkGpu(),
  ]);
  return [
    ...checkDisk(config),
    checkDataFolder(config),
    ...checkKeyFiles(config),
    ...checkOllamaStart(config),
    ...checks.flat(),
  ];
}

/** How much room there is for data and parts; `freeOf` gives it in MB. */
export function checkDisk({ cacheDir, dataDir }: Config, freeOf: (folder: string) => number = freeMegabytes): Check[] {
  return [...new Set([dataDir, cacheDir])].map((folder) => {
    const free = freeOf(folder);
    const state = free < leastMegabytes ? 'failed' : free < roomyMegabytes ? 'warning' : 'ok';
    const advice = state === 'ok' ? null : `free some space: a set-up and a training want ${gigabytes(roomyMegabytes)}`;
    return { name: 'disk', state, message: `${gigabytes(free)} free for ${folder}`, fix: advice };
  });
}

function checkDataFolder({ dataDir }: Config): Check {
  let present = dataDir;
  while (!existsSync(present) && dirname(present) !== present) present = dirname(present);
  try {
    accessSync(present, constants.W_OK);
    return { name: 'data', state: 'ok', message: `${dataDir} can be written`, fix: null };
  } catch {
    const fix = `chown -R "$USER" ${present}`;
    return { name: 'data', state: 'failed', message: `${dataDir} cannot be written: ${present} is not ours`, fix };
  }
}

/** Whether Ollama answers, with a version that is safe. */
export async function checkOllama({ ollamaUrl }: Config): Promise<Check> {
  const version = await ollamaVersion(ollamaUrl);
  if (version === null) {
    const message = `no Ollama answers at ${ollamaUrl}; "ratchet up" starts one`;
    return { name: 'ollama', state: 'warning', message, fix: 'ratchet up' };
  }
  const unsafe = version === '0.0.0' ? null : whyUnsafe(version);
  if (unsafe !== null)
    return {
      name: 'ollama',
      state: 'failed',
      message: `${unsafe}; it answers at ${ollamaUrl}`,
      fix: 'curl -fsSL https://ollama.com/install.sh | sh',
    };
  return { name: 'ollama', state: 'ok', message: `Ollama ${version} answers at ${ollamaUrl}`, fix: null };
}

const versionAnswer = z.object({ version: z.string() });

async function ollamaVersion(url: string): Promise<string | null> {
  try {
    const answer = await fetch(`${url}/api/version`, { signal: AbortSignal.timeout(answerMs) });
    return versionAnswer.parse(await answer.json()).version;
  } catch {
    return null;
  }
}

async function checkGpu(): Promise<Check> {
  const command = findExecutable('nvidia-smi', searchPath());
  const query = ['--query-gpu=name,memory.total', '--format=csv,noheader'];
  const result = command && (await runProcess({ command, args: query, timeoutMs: 10_000 }));
  const names = result && result.code === 0 ? result.stdout.trim().split('\n').join('; ') : '';
  const message = names === '' ? 'CPU only: small models train, larger ones want an NVIDIA GPU' : `GPU: ${names}`;
  return { name: 'gpu', state: 'ok', message, fix: null };
}
