import { accessSync, constants, existsSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { dirname } from 'node:path';
import { z } from 'zod';
import { type Config, isLoopback, searchPath } from '../config.ts';
import { findExecutable } from '../process/find.ts';
import { isListening } from '../process/ports.ts';
import { runProcess } from '../process/run.ts';
import { freeMegabytes, gigabytes } from './disk.ts';
import { whyUnsafe } from './ollama.ts';

export interface Check {
  name: string;
  /** `failed` has to be put right first; `warning` should be known. */
  state: 'ok' | 'warning' | 'failed';
  message: string;
  fix: string | null;
}

const roomyMegabytes = 12_000;
const leastMegabytes = 1_000;
const answerMs = 2_000;

/** The state of the machine around the parts: disk, ports, Ollama, folders and GPU. */
export async function runChecks(config: Config): Promise<Check[]> {
  const checks = await Promise.all([checkPorts(config), checkOllama(config), checkExposure(config), checkGpu()]);
  return [...checkDisk(config), checkDataFolder(config), ...checks.flat()];
}

function checkDisk({ cacheDir, dataDir }: Config): Check[] {
  return [...new Set([dataDir, cacheDir])].map((folder) => {
    const free = freeMegabytes(folder);
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

async function checkPorts({ port, temporal }: Config): Promise<Check[]> {
  const { port: temporalPort } = new URL(`http://${temporal.address}`);
  const ports = [
    { name: 'the API', port },
    { name: 'Temporal', port: Number(temporalPort) || 7233 },
    { name: 'the page of Temporal', port: temporal.uiPort },
  ];
  return Promise.all(
    ports.map(async ({ name, port: number }) => {
      const message = (await isListening(number))
        ? `port ${number} for ${name} is in use, by Ratchet itself or another program`
        : `port ${number} for ${name} is free`;
      return { name: 'port', state: 'ok' as const, message, fix: null };
    }),
  );
}

async function checkOllama({ ollamaUrl }: Config): Promise<Check> {
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

/** Ollama has no keys: whoever reaches it can read, replace and delete models. */
async function checkExposure({ ollamaUrl }: Config): Promise<Check[]> {
  const { hostname, port } = new URL(ollamaUrl);
  if (!isLoopback(hostname)) {
    const message = `Ollama is at ${hostname}: it has no keys, so let nothing but Ratchet reach it`;
    return [{ name: 'exposure', state: 'warning', message, fix: null }];
  }
  const outside = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, family }) => !internal && family === 'IPv4');
  const number = Number(port) || 11_434;
  const open = await Promise.all(outside.map(({ address }) => isListening(number, address)));
  const exposed = outside.filter((_, index) => open[index]).map(({ address }) => address);
  if (exposed.length === 0) return [];
  const message = `Ollama also answers at ${exposed.join(', ')}: it has no keys, so whoever reaches it can replace models`;
  return [{ name: 'exposure', state: 'warning', message, fix: 'OLLAMA_HOST=127.0.0.1 ollama serve' }];
}

async function checkGpu(): Promise<Check> {
  const command = findExecutable('nvidia-smi', searchPath());
  const query = ['--query-gpu=name,memory.total', '--format=csv,noheader'];
  const result = command && (await runProcess({ command, args: query, timeoutMs: 10_000 }));
  const names = result && result.code === 0 ? result.stdout.trim().split('\n').join('; ') : '';
  const message = names === '' ? 'CPU only: small models train, larger ones want an NVIDIA GPU' : `GPU: ${names}`;
  return { name: 'gpu', state: 'ok', message, fix: null };
}
