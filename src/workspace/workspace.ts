import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Config, ownEnvironment, packageRoot } from '../config.ts';
import { startProcess } from '../process/supervise.ts';
import type { ProcessExit, Supervised } from '../process/types.ts';
import { type RunningPart, answers, startOllama, startTemporal, untilReady } from './outside-parts.ts';

export interface WorkspaceTools {
  temporal: { path: string; version: string };
  ollama: { path: string };
  python: { path: string };
}

export interface WorkspaceOptions {
  config: Config;
  tools: WorkspaceTools;
  /** Folder of Ollama's models, when Ollama is started by us; its own default when absent. */
  ollamaModels?: string;
  onProgress: (line: string) => void;
}

export interface Workspace {
  api: string;
  temporalUi: string;
  ollama: string;
  /** Processes of ours by name, for tests that end one. */
  pids(): Record<string, number>;
  /** Stops what was started here, in order, and nothing else. */
  stop(): Promise<void>;
}

/** Brings up everything on one machine: Temporal, Ollama, both workers, and the API. */
export async function startWorkspace(options: WorkspaceOptions): Promise<Workspace> {
  const { config, tools, onProgress } = options;
  const started: { name: string; stop: () => Promise<unknown>; pid: () => number | undefined }[] = [];
  const stopping = new AbortController();
  const stop = async () => {
    stopping.abort();
    for (const part of started.splice(0).reverse()) await part.stop();
  };
  try {
    const outside = await Promise.allSettled([
      startTemporal(config, tools.temporal),
      startOllama(config, tools.ollama, options.ollamaModels),
    ]);
    for (const result of outside) if (result.status === 'fulfilled') adopt(started, result.value, onProgress);
    for (const result of outside) if (result.status === 'rejected') throw result.reason;
    const withPython: Config = { ...config, python: tools.python.path };
    for (const [name, args] of ownParts) {
      started.push(keepRunning(withPython, name, args, { onProgress, stopping: stopping.signal }));
    }
    const api = `http://${config.host}:${config.port}`;
    await untilAnswers(api, started);
    return {
      api,
      temporalUi: `http://127.0.0.1:${config.temporal.uiPort}`,
      ollama: config.ollamaUrl,
      pids: () => Object.fromEntries(started.flatMap(({ name, pid }) => [[name, pid() ?? 0]])),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const ownParts = [
  ['worker', ['worker', '--lifeline', '--queue', 'ratchet']],
  ['worker-gpu', ['worker', '--lifeline', '--queue', 'ratchet-gpu']],
  ['api', ['api', '--lifeline']],
] as const;

function adopt(started: StartedPart[], part: RunningPart, onProgress: (line: string) => void): void {
  onProgress(part.child ? `${part.name} started, ${part.url}` : `${part.name} answers already, ${part.url}`);
  const { child } = part;
  if (child) started.push({ name: part.name, stop: () => child.stop(), pid: () => child.pid });
}

interface StartedPart {
  name: string;
  stop: () => Promise<unknown>;
  pid: () => number | undefined;
  ended?: () => ProcessExit | null;
}

const restartDelayMs = 1000;

/** One of our own processes; started again when it ends without having been told to. */
function keepRunning(
  config: Config,
  name: string,
  args: readonly string[],
  { onProgress, stopping }: { onProgress: (line: string) => void; stopping: AbortSignal },
): StartedPart {
  let last: ProcessExit | null = null;
  let child: Supervised = spawn();
  const watched = watch();
  function spawn(): Supervised {
    return startProcess({
      command: process.execPath,
      args: [join(packageRoot, 'bin', 'ratchet.js'), ...args],
      env: ownEnvironment(config),
      cwd: existsSync(config.home) ? config.home : packageRoot,
      logFile: join(config.dataDir, 'logs', `${name}.log`),
      stdin: 'lifeline',
      graceMs: 20_000,
    });
  }
  async function watch(): Promise<void> {
    for (;;) {
      last = await child.exited;
      if (stopping.aborted) return;
      onProgress(`${name} ended (${last.signal ?? `exit code ${last.code}`}); it is started again`);
      await sleep(restartDelayMs);
      if (stopping.aborted) return;
      child = spawn();
    }
  }
  const stop = async () => {
    await child.stop();
    await watched;
  };
  return { name, stop, pid: () => child.pid, ended: () => last };
}

/** Waits for the API; a part that cannot start at all is reported by the last line of its log. */
async function untilAnswers(api: string, started: readonly StartedPart[]): Promise<void> {
  const own = started.find(({ name }) => name === 'api');
  let failed: (exit: ProcessExit) => void = () => {};
  const exited = new Promise<ProcessExit>((resolve) => {
    failed = resolve;
  });
  const timer = setInterval(() => {
    const exit = own?.ended?.();
    if (exit) failed(exit);
  }, 100);
  try {
    await untilReady('The API', exited, () => answers(`${api}/healthz`));
  } finally {
    clearInterval(timer);
  }
}
