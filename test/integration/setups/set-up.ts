import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { childEnvironment, loadConfig, packageRoot, searchPath } from '../../../src/config.ts';
import type { JsonObject } from '../../../src/core/canonical.ts';
import { importModel } from '../../../src/models/import.ts';
import { findExecutable } from '../../../src/process/find.ts';
import { freePort } from '../../../src/process/ports.ts';
import { providerVariables } from '../../../src/workspace/variables.ts';
import { startRealApi } from '../../fixtures/real-api.ts';
import { type RealOllama, startRealOllama } from '../../fixtures/real-ollama.ts';

/** The program, as `npm test` found it. */
export const ollamaProgram = loadConfig().tools.ollama ?? findExecutable('ollama', searchPath());

/** A real Ollama that serves the tiny model under names of a set-up's own. */
export async function startOllamaWith(...names: string[]): Promise<RealOllama> {
  const ollama = await startRealOllama(ollamaProgram ?? '');
  const folder = join(packageRoot, 'scripts/litgpt/tiny_base/model');
  const importsDir = await mkdtemp(join(tmpdir(), 'ratchet-imports-'));
  await importModel({ ollama: ollama.client, modelPrefix: 'ratchet-', importsDir }, { folder, name: 'ratchet-tiny' });
  for (const name of names) await ollama.client.copy('ratchet-tiny', name);
  await ollama.client.delete('ratchet-tiny');
  await rm(importsDir, { recursive: true, force: true });
  return ollama;
}

export interface Outcome {
  code: number | null;
  said: string;
}

/** A home folder as somebody has it, and Ratchet in the middle. */
export interface SetUp {
  home: string;
  url: string;
  write(name: string, value: unknown): Promise<void>;
  get<T>(path: string): Promise<T>;
  /** Posts a chat; the answer whatever its status. */
  chat(body: JsonObject): Promise<Response>;
  /** Runs `ratchet` with arguments in the home folder. */
  cli(...args: string[]): Promise<Outcome>;
  stop(): Promise<void>;
}

/** Nothing of the machine that a test runs on: whatever kinds read, and where nothing answers. */
function cleanEnvironment(): Record<string, string> {
  const names = [...providerVariables().map(({ name }) => name), 'LLM_MODEL', 'LLM_FALLBACK_MODEL'];
  return Object.fromEntries(names.map((name) => [name, '']));
}

/** A folder with the files of a set-up. */
export async function furnish(files: Readonly<Record<string, unknown>>): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'ratchet-set-up-'));
  for (const [name, value] of Object.entries(files)) await writeIn(home, name, value);
  return home;
}

/** Starts `ratchet api` over the files of a set-up. Variables stand in `.env` where people have them. */
export async function openSetUp(
  files: Readonly<Record<string, unknown>>,
  env: Record<string, string> = {},
): Promise<SetUp> {
  const home = await furnish(files);
  const variables = { ...cleanEnvironment(), ...env };
  const api = await startRealApi(home, variables);
  return {
    home,
    url: api.url,
    write: (name, value) => writeIn(home, name, value),
    get: async <T>(path: string) => (await (await fetch(api.url + path)).json()) as T,
    chat: (body) =>
      fetch(`${api.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ messages: [{ role: 'user', content: 'How do I reset my password?' }], ...body }),
      }),
    cli: (...args) => ratchet(home, { ...variables, RATCHET_PORT: new URL(api.url).port }, ...args),
    async stop() {
      await api.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** Runs `ratchet` in a home folder until it ends. */
export async function ratchet(home: string, env: Record<string, string>, ...args: string[]): Promise<Outcome> {
  const port = env['RATCHET_PORT'] ?? String(await freePort());
  const child = spawn(process.execPath, [join(packageRoot, 'src/cli/main.ts'), ...args], {
    cwd: home,
    env: childEnvironment({
      ...cleanEnvironment(),
      RATCHET_HOME: home,
      RATCHET_DATA_DIR: join(home, 'data'),
      ...env,
      RATCHET_PORT: port,
    }),
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (more: string) => (said += more));
  }
  child.stdin.end();
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said };
}

/** The text of a whole answer. */
export async function textOf(response: Response): Promise<string> {
  const body = (await response.json()) as { choices?: { message: { content: string } }[]; error?: { message: string } };
  return body.choices?.[0]?.message.content ?? `error: ${body.error?.message ?? ''}`;
}

function writeIn(home: string, name: string, value: unknown): Promise<void> {
  return writeFile(join(home, name), typeof value === 'string' ? value : JSON.stringify(value, null, 4));
}
