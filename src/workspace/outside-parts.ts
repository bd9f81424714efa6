import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Config, childEnvironment } from '../config.ts';
import { RatchetError } from '../core/errors.ts';
import { isListening } from '../process/ports.ts';
import { startProcess } from '../process/supervise.ts';
import type { ProcessExit, Supervised } from '../process/types.ts';
import { checkTemporal, createClient } from '../temporal/connection.ts';
import { ensureNamespace } from '../temporal/namespace.ts';
import { ollamaStart } from './ollama-server.ts';

const startTimeoutMs = 60_000;

/** A part that answers: started by us, or there before (`child` is null, and it is never stopped). */
export interface RunningPart {
  name: string;
  url: string;
  child: Supervised | null;
  /** What should be known of it. */
  warning?: string;
}

/** Uses the Temporal server that answers at the configured address, else starts the dev server with a file of its own. */
export async function startTemporal(config: Config, tool: { path: string; version: string }): Promise<RunningPart> {
  const { address, uiPort } = config.temporal;
  const url = `http://127.0.0.1:${uiPort}`;
  if (await temporalAnswers(config)) {
    await prepareNamespace(config);
    return { name: 'temporal', url, child: null };
  }
  await refuseTaken('Temporal', Number(portOf(address)), 'TEMPORAL_ADDRESS');
  await refuseTaken("Temporal's page", uiPort, 'TEMPORAL_UI_PORT');
  const folder = join(config.dataDir, 'temporal');
  mkdirSync(folder, { recursive: true });
  const child = startProcess({
    command: tool.path,
    args: [
      'server',
      'start-dev',
      '--ip',
      '127.0.0.1',
      '--port',
      portOf(address),
      '--ui-port',
      String(uiPort),
      // One file per server version: a newer server may change its schema.
      '--db-filename',
      join(folder, `server-${tool.version}.db`),
      '--log-level',
      'error',
    ],
    env: childEnvironment(),
    logFile: join(config.dataDir, 'logs', 'temporal.log'),
  });
  await orStop(
    child,
    untilReady('Temporal', child.exited, () => temporalAnswers(config)),
  );
  await orStop(child, prepareNamespace(config));
  return { name: 'temporal', url, child };
}

/** Uses the Ollama that answers at the configured URL, else starts one there, with what the variables say of it. */
export async function startOllama(config: Config, tool: { path: string }, models?: string): Promise<RunningPart> {
  const url = config.ollamaUrl;
  if (await answers(`${url}/api/version`)) return { name: 'ollama', url, child: null };
  const { env, warning } = ollamaStart(config, models);
  await refuseTaken('Ollama', Number(new URL(url).port), 'OLLAMA_HOST');
  const child = startProcess({
    command: tool.path,
    args: ['serve'],
    env,
    logFile: join(config.dataDir, 'logs', 'ollama.log'),
  });
  await orStop(
    child,
    untilReady('Ollama', child.exited, () => answers(`${url}/api/version`)),
  );
  return { name: 'ollama', url, child, ...(warning !== null && { warning }) };
}

/** A part that finds its port taken ends with words that help nobody. */
async function refuseTaken(name: string, port: number, variable: string): Promise<void> {
  if (!(await isListening(port))) return;
  const message = `Port ${port} of 127.0.0.1 is taken by something that does not answer as ${name}: stop it, or set ${variable}.`;
  throw new RatchetError('Conflict', message);
}

/** Waits until a part answers; says so when it ends before, or does not answer in time. */
export async function untilReady(
  name: string,
  exited: Promise<ProcessExit>,
  ready: () => Promise<boolean>,
): Promise<void> {
  const until = Date.now() + startTimeoutMs;
  const last: { line?: string } = {};
  void exited.then((exit) => {
    last.line = exit.tail.trim().split('\n').at(-1) ?? '';
  });
  while (!(await ready())) {
    if (last.line !== undefined) {
      const why = last.line || 'look at its log';
      throw new RatchetError('PartMissing', `${name} ended as soon as it was started: ${why}`);
    }
    if (Date.now() > until) {
      const message = `${name} did not answer within ${startTimeoutMs / 1000} s: look at its log under the data folder.`;
      throw new RatchetError('PartMissing', message);
    }
    await sleep(50);
  }
}

async function orStop(child: Supervised, ready: Promise<void>): Promise<void> {
  try {
    await ready;
  } catch (error) {
    await child.stop();
    throw error;
  }
}

/** Whether an HTTP server answers with success. */
export async function answers(url: string): Promise<boolean> {
  return fetch(url, { signal: AbortSignal.timeout(2000) }).then(
    async (response) => {
      await response.body?.cancel();
      return response.ok;
    },
    () => false,
  );
}

async function temporalAnswers(config: Config): Promise<boolean> {
  const client = createClient({ ...config.temporal, namespace: 'temporal-system' });
  try {
    await checkTemporal(client, config.temporal.address, 1000);
    return true;
  } catch {
    return false;
  } finally {
    await client.connection.close();
  }
}

async function prepareNamespace(config: Config): Promise<void> {
  const client = createClient(config.temporal);
  try {
    await ensureNamespace(client);
  } finally {
    await client.connection.close();
  }
}

function portOf(address: string): string {
  return address.split(':').at(-1) ?? '7233';
}
