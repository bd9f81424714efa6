import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { childEnvironment } from '../src/config.ts';
import { type OllamaClient, createOllamaClient } from '../src/models/ollama.ts';
import { freePort } from '../src/process/ports.ts';
import { startProcess } from '../src/process/supervise.ts';
import { answers, untilReady } from '../src/workspace/outside-parts.ts';

/** A real Ollama on a free port, whose models, log and home are in one folder. */
export interface OwnOllama {
  url: string;
  client: OllamaClient;
  stop(): Promise<unknown>;
}

/** Starts an Ollama of a bench's own; resolves when it answers. */
export async function startOwnOllama(command: string, folder: string): Promise<OwnOllama> {
  mkdirSync(folder, { recursive: true });
  const url = `http://127.0.0.1:${await freePort()}`;
  const env = childEnvironment({ OLLAMA_HOST: url, OLLAMA_MODELS: join(folder, 'models'), HOME: folder });
  const server = startProcess({ command, args: ['serve'], env, logFile: join(folder, 'ollama.log') });
  try {
    await untilReady('Ollama', server.exited, () => answers(`${url}/api/version`));
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { url, client: createOllamaClient(url), stop: server.stop };
}
