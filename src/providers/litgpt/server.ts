import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { childEnvironment, packageRoot } from '../../config.ts';
import { RatchetError } from '../../core/errors.ts';
import { freePort } from '../../process/ports.ts';
import { startProcess } from '../../process/supervise.ts';

export interface CheckpointServerOptions {
  /** The Python of the environment that holds LitGPT. */
  python: string;
  /** Folder of the checkpoint. */
  folder: string;
  /** Folder for what is made of checkpoints in Hugging Face layout. */
  cacheDir: string;
  logFile: string;
}

/** A `litgpt serve` of ours. */
export interface CheckpointServer {
  readonly pid: number;
  /** URL up to and with `/v1`. */
  readonly url: string;
  /** Kept when it answers; ProviderUnavailable when it ended before. */
  readonly ready: Promise<void>;
  /** Kept when nothing of it runs any more. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

const pollMs = 100;
const answerMs = 2_000;

/** Starts a server on a free port of the loopback. It ends when we do. */
export async function startCheckpointServer(options: CheckpointServerOptions): Promise<CheckpointServer> {
  const { python, folder, cacheDir, logFile } = options;
  const port = await freePort();
  const child = startProcess({
    command: python,
    args: [join(packageRoot, 'scripts', 'litgpt', 'serve_checkpoint.py'), folder, cacheDir, String(port)],
    env: childEnvironment({ PYTHONUNBUFFERED: '1', HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false' }),
    logFile,
    stdin: 'lifeline',
  });
  const origin = `http://127.0.0.1:${port}`;
  const ended = child.exited.then(() => undefined);
  const failed = child.exited.then(({ tail }): never => {
    const [last = 'nothing'] = tail
      .split('\n')
      .filter((line) => line.trim() !== '')
      .slice(-1);
    const message = `litgpt could not serve ${folder}; its last words were "${last.slice(0, 300)}": look at ${logFile}.`;
    throw new RatchetError('ProviderUnavailable', message);
  });
  const ready = Promise.race([untilHealthy(`${origin}/health`, ended), failed]);
  ready.catch(() => undefined);
  failed.catch(() => undefined);
  return { pid: child.pid, url: `${origin}/v1`, ready, ended, stop: async () => void (await child.stop()) };
}

/** A large checkpoint takes minutes to load, so there is no limit: whoever waits has one. */
async function untilHealthy(url: string, ended: Promise<void>): Promise<void> {
  const over = new AbortController();
  void ended.then(() => over.abort());
  while (!over.signal.aborted && !(await answers(url))) await sleep(pollMs);
  // Whoever waits is told by the end of the process why.
  if (over.signal.aborted) await new Promise(() => {});
}

function answers(url: string): Promise<boolean> {
  return fetch(url, { signal: AbortSignal.timeout(answerMs) }).then(
    async (response) => {
      await response.body?.cancel();
      return response.ok;
    },
    () => false,
  );
}
