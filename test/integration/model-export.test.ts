import { cp, mkdir, mkdtemp, open, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type ModelExport, modelExportRoutes } from '../../src/api/model-exports.ts';
import { childEnvironment, loadConfig, packageRoot, searchPath } from '../../src/config.ts';
import { baseModelName, builtInBases, listBases, resolveBase } from '../../src/models/bases.ts';
import { type ImportDeps, importModel } from '../../src/models/import.ts';
import { findExecutable } from '../../src/process/find.ts';
import { startProcess } from '../../src/process/supervise.ts';
import { sha256Hex } from '../../src/store/digest.ts';
import type { ModelVersion } from '../../src/store/types.ts';
import { runJob } from '../../src/training/run-job.ts';
import { type WarmPython, createWarmPython } from '../../src/training/warm-python.ts';
import { type Harness, openHarness } from '../fixtures/gateway-harness.ts';
import { type RealOllama, startRealOllama } from '../fixtures/real-ollama.ts';
import { tinyTrainJob } from '../fixtures/train-job.ts';

const { python, tools } = loadConfig();
const executable = tools.ollama ?? findExecutable('ollama', searchPath());
const base = builtInBases(packageRoot)['tiny-support'] ?? '';
const prefix = 'test-';
const questions = [
  'How long is the warranty?',
  'Where is my parcel?',
  'How do I return a lamp?',
  'Do you ship abroad?',
  'Can I pay by card?',
  'When are you open?',
];

let folder: string;
let harness: Harness;
let warmPython: WarmPython;
let version: ModelVersion;
let ollama: RealOllama;
let imports: ImportDeps;

interface Ran {
  code: number | null;
  out: string;
  err: string;
}

async function run(command: string, args: string[], cwd = folder, env: Record<string, string> = {}): Promise<Ran> {
  const lines: string[] = [];
  const child = startProcess({
    command,
    args,
    cwd,
    env: childEnvironment(env),
    logFile: join(folder, 'log'),
    onLine: (line) => void lines.push(line),
  });
  const { code, tail } = await child.exited;
  return { code, out: lines.join('\n'), err: tail };
}

const ratchet = async (...args: string[]): Promise<Ran> =>
  run(process.execPath, [join(packageRoot, 'bin/ratchet.js'), ...args, '--url', await harness.serve()]);

/** Exports the trained version to a folder of the format's name. */
async function exported(format: string, ...more: string[]): Promise<string> {
  const out = [format, ...more].join('');
  const ran = await ratchet('models', 'export', version.id, '--format', format, ...more, '--out', out);
  expect(ran, ran.err).toMatchObject({ code: 0 });
  return join(folder, out);
}

const answer = z.object({ message: z.object({ content: z.string() }) });

/** What a model in Ollama answers, greedily. */
async function answersOf(model: string): Promise<string[]> {
  return Promise.all(
    questions.map(async (content) => {
      const options = { temperature: 0, num_predict: 24, num_thread: 1 };
      const body = JSON.stringify({ model, messages: [{ role: 'user', content }], stream: false, options });
      const response = await fetch(`${ollama.url}/api/chat`, { method: 'POST', body });
      return answer.parse(await response.json()).message.content;
    }),
  );
}

/** As the help says it: Ollama's own command, in the folder of the export. */
async function create(name: string, cwd: string, ...more: string[]): Promise<void> {
  const env = { OLLAMA_HOST: ollama.url, HOME: folder };
  const ran = await run(executable ?? '', ['create', name, ...more, '-f', 'Modelfile'], cwd, env);
  expect(ran, ran.err).toMatchObject({ code: 0 });
}

async function tensorNames(file: string): Promise<string[]> {
  const handle = await open(file);
  const { buffer } = await handle.read(Buffer.alloc(8), 0, 8, 0);
  const length = Number(buffer.readBigUInt64LE());
  const { buffer: header } = await handle.read(Buffer.alloc(length), 0, length, 8);
  await handle.close();
  return Object.keys(JSON.parse(header.toString()) as object).filter((name) => name !== '__metadata__');
}

async function trainVersion(dataDir: string): Promise<void> {
  const { cycles, models } = harness.store;
  const cycle = await cycles.create({
    id: '01890000-0000-7000-8000-000000000000',
    base: 'tiny-support',
    name: 'support',
    recipe: 'a'.repeat(64),
  });
  const job = await tinyTrainJob(dataDir, join('cycles', cycle.id, 'key'), { rows: 64, epochs: 3 });
  job.train.optim.learning_rate = 2e-3;
  const options = { python: python ?? '', warm: warmPython, signal: AbortSignal.timeout(240_000), stallSeconds: 120 };
  const { adapter_digest: adapterDigest, steps, loss } = await runJob(job, options);
  await cycles.beginStep(cycle.id, 'train', 'key');
  await cycles.endStep('key', { state: 'done', output: { adapterDigest, run: 'key', steps, loss } });
  version = await models.register({
    name: 'support',
    base: 'tiny-support',
    dataset: 'd'.repeat(64),
    recipe: 'a'.repeat(64),
    adapterDigest,
    served: 'ollama/test-support-1',
    servedDigest: 'e'.repeat(64),
    cycleId: cycle.id,
    metrics: {},
  });
}

describe.skipIf(!executable || !python)('exports', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ratchet-export-'));
    const dataDir = join(folder, 'data');
    const roots = { basesDir: join(folder, 'bases'), builtIn: builtInBases(packageRoot) };
    warmPython = createWarmPython({ logFile: join(folder, 'python.log') });
    harness = await openHarness({
      providers: [],
      routes: (store) => [
        modelExportRoutes({
          store,
          dataDir,
          warmPython,
          python: () => python ?? '',
          baseFolder: async (name) => (await resolveBase(roots, name)).folder,
          baseNames: () => listBases(roots),
          baseModel: (name) => Promise.resolve(baseModelName(prefix, name)),
        }),
      ],
    });
    ollama = await startRealOllama(executable ?? '');
    imports = { ollama: ollama.client, modelPrefix: prefix, importsDir: join(folder, 'imports') };
    await trainVersion(dataDir);
  });
  afterAll(async () => {
    await ollama?.stop();
    await warmPython?.stop();
    await harness?.close();
    await rm(folder, { recursive: true, force: true });
  });

  test('every format is read by who reads it, and says the same', async () => {
    const [merged, gguf, adapter] = [await exported('merged'), await exported('gguf'), await exported('gguf-adapter')];
    await importModel(imports, { folder: base, name: 'test-tiny-support-base' });
    await importModel(imports, { folder: merged, name: 'test-merged' });
    await create('gguf', gguf);
    await create('adapter', adapter);
    const [plain, said] = [await answersOf('test-tiny-support-base'), await answersOf('test-merged')];
    expect(said).not.toEqual(plain);
    expect(await answersOf('gguf')).toEqual(said);
    expect(await answersOf('adapter')).toEqual(said);

    // LitGPT, too: what it reads of the merged folder is what it wrote as one file.
    await cp(merged, join(folder, 'bases', 'merged'), { recursive: true });
    const again = ['models', 'export', 'merged', '--format', 'gguf', '--out', 'again.gguf'];
    expect(await ratchet(...again)).toMatchObject({ code: 0 });
    const [one, other] = [join(gguf, 'model.gguf'), join(folder, 'again.gguf')];
    expect((await readFile(one)).equals(await readFile(other))).toBe(true);

    // Smaller, and smaller still: as Ollama itself would make it.
    await create('small', await exported('gguf', '--quantize', 'q8_0'));
    expect(await ollama.client.show('small')).toMatchObject({ details: { quantization_level: 'Q8_0' } });
    const kept = (await answersOf('small')).filter((text, at) => text === said[at]);
    expect(kept.length).toBeGreaterThanOrEqual(questions.length - 1);
    await create('smaller', await exported('gguf', '--quantize', 'q4_K_M'));
    expect(await ollama.client.show('smaller')).toMatchObject({ details: { quantization_level: 'Q4_K_M' } });
    await create('theirs', gguf, '-q', 'q4_K_M');
    expect(await answersOf('smaller')).toEqual(await answersOf('theirs'));
  });

  test('an adapter for PEFT has its two files, with what it is and where it is from', async () => {
    const peft = await exported('peft');
    expect((await readdir(peft)).sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors', 'manifest.json']);
    const names = await tensorNames(join(peft, 'adapter_model.safetensors'));
    expect(names).toContain('base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight');
    expect(names.every((name) => /^base_model\.model\.model\.layers\.\d\..*\.lora_[AB]\.weight$/.test(name))).toBe(
      true,
    );
    const manifest = JSON.parse(await readFile(join(peft, 'manifest.json'), 'utf8')) as ModelExport;
    expect(manifest).toMatchObject({
      of: version.id,
      base: 'tiny-support',
      format: 'peft',
      quantize: null,
      adapter_digest: version.adapterDigest,
      dataset: version.dataset,
    });
    const config = await readFile(join(peft, 'adapter_config.json'));
    expect(manifest.files[0]).toEqual({ name: 'adapter_config.json', bytes: config.length, digest: sha256Hex(config) });
  });

  test('a base is exported as one file, which is replaced only where that is said', async () => {
    const command = ['models', 'export', 'tiny-support', '--format', 'gguf', '--out', 'a/tiny.gguf'];
    const first = await ratchet(...command, '--json');
    expect(JSON.parse(first.out)).toMatchObject({ out: 'a/tiny.gguf', of: 'tiny-support', adapter_digest: null });
    const bytes = await readFile(join(folder, 'a', 'tiny.gguf'));
    expect(bytes.subarray(0, 4).toString()).toBe('GGUF');
    expect((await ratchet(...command)).err).toContain(
      'a/tiny.gguf is there already: name another file with --out, or replace it with --force.',
    );
    await writeFile(join(folder, 'a', 'tiny.gguf'), 'other');
    expect(await ratchet(...command, '--force')).toMatchObject({ code: 0 });
    expect((await readFile(join(folder, 'a', 'tiny.gguf'))).equals(bytes)).toBe(true);
    expect(await readdir(join(folder, 'a'))).toEqual(['tiny.gguf']);
    // Nothing is left of what was sent.
    expect((await readdir(join(folder, 'data'))).filter((name) => name.startsWith('export-'))).toEqual([]);
  });

  test('a folder that is no export is never replaced, an export is', async () => {
    const mine = join(folder, 'mine');
    await mkdir(mine);
    await writeFile(join(mine, 'letter.txt'), 'dear');
    const command = ['models', 'export', version.id, '--format', 'peft', '--force', '--out'];
    const refused = await ratchet(...command, 'mine');
    expect(refused.err).toContain('mine is no export, and is not replaced: name another place with --out.');
    expect(await readdir(mine)).toEqual(['letter.txt']);
    await mkdir(join(folder, 'old'));
    await writeFile(join(folder, 'old', 'manifest.json'), '{"files":[]}');
    expect(await ratchet(...command, 'old')).toMatchObject({ code: 0 });
    expect(await readdir(join(folder, 'old'))).toContain('adapter_model.safetensors');
  });

  test.each<[string, string, object, number, string]>([
    ['an unknown name', 'tiny-suport', { format: 'merged' }, 404, 'Like it: tiny-support'],
    ['an adapter of a base', 'tiny-support', { format: 'peft' }, 400, 'has no adapter: export it as merged or gguf'],
    ['a way out of the bases', '..%2Fbases', { format: 'merged' }, 404, 'no model version and no base "../bases"'],
    ['an unknown rounding', 'tiny-support', { format: 'gguf', quantize: 'q3_K_M' }, 400, 'q4_K_M'],
    ['a rounded folder', 'tiny-support', { format: 'merged', quantize: 'q8_0' }, 400, 'merged is not written as q8_0'],
  ])('%s is refused in a sentence', async (_, name, body, status, said) => {
    const response = await harness.post(`/api/models/${name}/export`, body);
    expect(response.status).toBe(status);
    expect(((await response.json()) as { detail: string }).detail).toContain(said);
  });

  test('what only the job can tell comes as the same sentence, and nothing is written', async () => {
    const request = ['tiny-support', '--format', 'gguf', '--dtype', 'bfloat16', '--out', 'refused'];
    const ran = await ratchet('models', 'export', ...request);
    expect(ran.err).toContain('ask for float16 or float32');
    expect(ran.code).toBe(1);
    expect(await readdir(folder)).not.toContain('refused');
  });

  test('a version whose weights were deleted, or whose adapter is gone, is refused', async () => {
    const { cycleId, id } = version;
    const post = async () => {
      const response = await harness.post(`/api/models/${id}/export`, { format: 'merged' });
      return { status: response.status, ...((await response.json()) as { detail: string }) };
    };
    await rm(join(folder, 'data', 'cycles', cycleId), { recursive: true });
    expect(await post()).toMatchObject({ status: 404, detail: expect.stringContaining('is gone from') as string });
    await harness.store.models.noteDeleted(id);
    expect(await post()).toMatchObject({ status: 409, detail: expect.stringContaining('were deleted on') as string });
    const none = await fetch(`${await harness.serve()}/api/exports/01890000-0000-7000-8000-000000000000`);
    expect(none.status).toBe(404);
  });
});
