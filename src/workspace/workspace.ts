import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Config, ownEnvironment, packageRoot } from '../config.ts';
import { startProcess } from '../process/supervise.ts';
import type { ProcessExit, Supervised } from '../process/types.ts';
import { type KeepOptions, type StartedPart, keepRunning } from './keep-running.ts';
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
  const started: StartedPart[] = [];
  const stopping = new AbortController();
  const keep: KeepOptions = { onProgress, stopping: stopping.signal };
  const stop = async () => {
    stopping.abort();
    for (const part of started.splice(0).reverse()) await part.stop();
  };
  const outside = async (start: () => Promise<RunningPart>) => {
    const { name, url, child, warning } = await start();
    onProgress(child ? `${name} started, ${url}` : `${name} answers already, ${url}`);
    if (warning !== undefined) onProgress(`note: ${warning}`);
    if (child) started.push(keepRunning(name, child, async () => (await start()).child, keep));
  };
  try {
    const results = await Promise.allSettled([
      outside(() => startTemporal(config, tools.temporal)),
      outside(() => startOllama(config, tools.ollama, options.ollamaModels)),
    ]);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    const withPython: Config = { ...config, python: tools.python.path };
    for (const [name, args] of ownParts) {
      const start = () => startOwn(withPython, name, args);
      started.push(keepRunning(name, start(), async () => start(), keep));
    }
    const api = `http://${config.host}:${config.port}`;
    await untilAnswers(api, started);
    return {
      api,
      temporalUi: `http://127.0.0.1:${config.temporal.uiPort}`,
      ollama: config.ollamaUrl,
      pids: () => Object.fromEntries(started.flatMap(({ name, pid }) => [[name, pid()]])),
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

/** One of our own processes. */
function startOwn(config: Config, name: string, args: readonly string[]): Supervised {
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

/** Waits for the API; a part that cannot start at all is reported by the last line of its log. */
async function untilAnswers(api: string, started: readonly StartedPart[]): Promise<void> {
  const own = started.find(({ name }) => name === 'api');
  let failed: (exit: ProcessExit) => void = () => {};
  const exited = new Promise<ProcessExit>((resolve) => {
    failed = resolve;
  });
  const timer = setInterval(() => {
    const exit = own?.ended();
    if (exit) failed(exit);
  }, 100);
  try {
    await untilReady('The API', exited, () => answers(`${api}/healthz`));
  } finally {
    clearInterval(timer);
  }
}
