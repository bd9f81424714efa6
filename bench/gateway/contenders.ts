import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { packageRoot } from '../../src/config.ts';
import { freePort, freePorts } from '../../src/process/ports.ts';
import { runProcess } from '../../src/process/run.ts';
import type { StartedProcess } from '../../src/process/types.ts';
import { type Asked, cores, startAsked, startPinned } from './child.ts';
import { treeMemory } from './memory.ts';
import type { LoadResult, StreamResult, Target } from './protocol.ts';

/** One that is measured. */
export interface Contender {
  name: string;
  /** Times streams, one after another. */
  streams(count: number): Promise<StreamResult>;
  /** Times whole answers, one after another. */
  wholes(count: number): Promise<StreamResult>;
  /** Whole answers in a closed loop, a second. */
  load(clients: number, seconds: number): Promise<number>;
  /** What it holds in memory, in MB; null for what is no gateway. */
  memory(): number | null;
  stop(): Promise<unknown>;
}

export interface Bench {
  folder: string;
  mockPort: number;
  driver: Asked;
  paths: Readonly<Record<string, string>>;
}

const path = '/v1/chat/completions';

/** The upstream itself: what all are compared with. */
export function direct({ driver, mockPort }: Bench): Contender {
  return overHttp('direct', driver, { port: mockPort, path, headers: {}, model: 'tiny' });
}

/** `ratchet api`, recording, with its data folder on disk. */
export async function ratchet(bench: Bench): Promise<Contender> {
  const { process: served, target, home } = await startRatchet(bench, cores.gateway);
  return overHttp('ratchet', bench.driver, target, served, home);
}

export interface Served {
  process: StartedProcess;
  target: Target;
  home: string;
}

/** Starts `ratchet api` in a fresh home, before the upstream; Temporal does not run, the recorder does not need it. */
export async function startRatchet(
  { folder, mockPort }: Pick<Bench, 'folder' | 'mockPort'>,
  core: number | null,
): Promise<Served> {
  const home = join(folder, 'ratchet');
  mkdirSync(home, { recursive: true });
  const [port = 0, temporal] = await freePorts(2);
  await buildPackage();
  const served = startPinned({
    name: 'ratchet',
    core,
    command: process.execPath,
    // What people install is JavaScript; a checkout strips types in each of its threads, which costs 45 MB.
    args: [join(packageRoot, 'dist', 'src', 'cli', 'main.js'), 'api'],
    cwd: packageRoot,
    folder,
    env: {
      RATCHET_HOME: home,
      RATCHET_DATA_DIR: join(home, '.ratchet'),
      RATCHET_PORT: String(port),
      TEMPORAL_ADDRESS: `127.0.0.1:${temporal}`,
      OPENAI_BASE_URL: `http://127.0.0.1:${mockPort}/v1`,
      OPENAI_API_KEY: 'none',
    },
  });
  const target = { port, path, headers: {}, model: 'openai/tiny' };
  await untilAnswers(target, served);
  return { process: served, target, home };
}

/** Compiles `src`, so that what is measured is what people install. */
async function buildPackage(): Promise<void> {
  const args = [join(packageRoot, 'scripts', 'build-package.ts')];
  const { code, tail } = await runProcess({ command: process.execPath, args, cwd: packageRoot, timeoutMs: 120_000 });
  if (code !== 0) throw new Error(`the package was not built: ${tail}`);
}

/** LiteLLM's proxy with one worker, without a database: it records nothing. */
export async function litellm(bench: Bench): Promise<Contender> {
  const port = await freePort();
  const config = join(bench.folder, 'litellm.yaml');
  const upstream = `{model: openai/tiny, api_base: "http://127.0.0.1:${bench.mockPort}/v1", api_key: none}`;
  writeFileSync(
    config,
    `model_list:\n  - model_name: tiny\n    litellm_params: ${upstream}\nlitellm_settings: {telemetry: false}\n`,
  );
  const python = bench.paths['python-clients'] ?? '';
  const process_ = startPinned({
    name: 'litellm',
    core: cores.gateway,
    command: python,
    args: [
      join(dirname(python), 'litellm'),
      '--config',
      config,
      '--host',
      '127.0.0.1',
      '--port',
      String(port),
      '--num_workers',
      '1',
      '--telemetry',
      'False',
    ],
    folder: bench.folder,
    env: {
      HOME: bench.folder,
      LITELLM_LOCAL_MODEL_COST_MAP: 'True',
      LITELLM_LOG: 'ERROR',
      NO_PROXY: '127.0.0.1',
      // Without a key, as ours: neither checks one.
      LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY: 'true',
    },
  });
  const target = { port, path, headers: {}, model: 'tiny' };
  await untilAnswers(target, process_);
  return overHttp('litellm', bench.driver, target, process_);
}

/** Portkey's open gateway: it records nothing. */
export async function portkey(bench: Bench): Promise<Contender> {
  const port = await freePort();
  const process_ = startPinned({
    name: 'portkey',
    core: cores.gateway,
    command: process.execPath,
    args: [
      '--import',
      join(packageRoot, 'bench', 'peers', 'portkey', 'lenient-headers.mjs'),
      join(dirname(bench.paths.portkey ?? ''), 'build', 'start-server.js'),
      `--port=${port}`,
      '--headless',
    ],
    folder: bench.folder,
    env: { NODE_ENV: 'production', TRUSTED_CUSTOM_HOSTS: '127.0.0.1,localhost' },
  });
  const headers = {
    'x-portkey-provider': 'openai',
    'x-portkey-custom-host': `http://127.0.0.1:${bench.mockPort}/v1`,
  };
  const target = { port, path, headers, model: 'tiny' };
  await untilAnswers(target, process_);
  return overHttp('portkey', bench.driver, target, process_);
}

/** TensorZero's embedded gateway, and the same measure of its process without it. */
export async function tensorzero(bench: Bench): Promise<[embedded: Contender, direct: Contender]> {
  const config = join(bench.folder, 'tensorzero.toml');
  writeFileSync(
    config,
    [
      '[gateway.observability]\nenabled = false',
      '[models.tiny]\nrouting = ["mock"]',
      '[models.tiny.providers.mock]\ntype = "openai"\nmodel_name = "tiny"\napi_key_location = "none"',
      `api_base = "http://127.0.0.1:${bench.mockPort}/v1/"\n`,
    ].join('\n'),
  );
  const client = await startAsked({
    name: 'tensorzero',
    core: cores.gateway,
    command: bench.paths.tensorzero ?? '',
    args: [join(packageRoot, 'bench', 'peers', 'tensorzero_client.py'), config, String(bench.mockPort)],
    folder: bench.folder,
    env: { PYTHONUNBUFFERED: '1', PYTHONDONTWRITEBYTECODE: '1' },
  });
  const load = async (clients: number, seconds: number): Promise<number> =>
    (await client.ask<LoadResult>({ do: 'load', clients, seconds })).chatsPerSecond;
  const by = (what: string) => (count: number) => client.ask<StreamResult>({ do: what, count });
  return [
    {
      name: 'tensorzero',
      streams: by('streams'),
      wholes: by('wholes'),
      load,
      memory: () => treeMemory(client.process.pid),
      stop: client.process.stop,
    },
    {
      name: 'direct-python',
      streams: by('direct'),
      wholes: by('direct-wholes'),
      load: async () => 0,
      memory: () => null,
      stop: async () => undefined,
    },
  ];
}

function overHttp(name: string, driver: Asked, target: Target, served?: StartedProcess, fsyncIn?: string): Contender {
  const streams = (count: number, more: { fsyncIn?: string } = {}) =>
    driver.ask<StreamResult>({ do: 'streams', target, count, ...more });
  return {
    name,
    streams: async (count) => {
      const { samples } = await streams(count);
      // Bare syncs stand between other streams: a call that follows one finds cores asleep, which those of others do not.
      const fsyncs = fsyncIn === undefined ? [] : (await streams(count, { fsyncIn })).fsyncs;
      return { samples, fsyncs };
    },
    wholes: (count) => driver.ask({ do: 'wholes', target, count }),
    load: async (clients, seconds) =>
      (await driver.ask<LoadResult>({ do: 'load', target, clients, seconds })).chatsPerSecond,
    memory: () => (served ? treeMemory(served.pid) : null),
    stop: async () => served?.stop(),
  };
}

/** Waits until a chat is answered. */
async function untilAnswers({ port, headers, model }: Target, { exited }: StartedProcess): Promise<void> {
  let ended = '';
  void exited.then(({ tail }) => (ended = tail || 'it said nothing'));
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Are you there?' }] });
  const sent = { 'content-type': 'application/json', authorization: 'Bearer none', ...headers };
  let last = 'nothing listens';
  for (const deadline = Date.now() + 120_000; Date.now() < deadline; await sleep(200)) {
    if (ended !== '') throw new Error(`A contender ended before it answered: ${ended}`);
    try {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers: sent, body });
      last = `${response.status} ${await response.text()}`;
      if (response.ok) return;
    } catch (error) {
      last = String(error);
    }
  }
  throw new Error(`A contender did not answer within two minutes: ${last}`);
}
