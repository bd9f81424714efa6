import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { prepareExport } from '../../src/api/dataset-export.ts';
import { datasetToolRoutes } from '../../src/api/dataset-tools.ts';
import { datasetRoutes } from '../../src/api/datasets.ts';
import { childEnvironment, loadConfig, packageRoot } from '../../src/config.ts';
import type { JsonObject } from '../../src/core/canonical.ts';
import { recipeSchema } from '../../src/core/recipe.ts';
import { buildDataset } from '../../src/dataset/build.ts';
import { collect } from '../../src/dataset/collect.ts';
import { exporterOf, exporters } from '../../src/dataset/export/all.ts';
import type { LeftOut } from '../../src/dataset/left-out.ts';
import { startProcess } from '../../src/process/supervise.ts';
import { ensureParts } from '../../src/setup/ensure.ts';
import { sha256Hex } from '../../src/store/digest.ts';
import { chat, user } from '../contract/chat-samples.ts';
import { type Harness, openHarness } from '../fixtures/gateway-harness.ts';

let harness: Harness;
let folder: string;
let datasetsDir: string;
let digest: string;
const questions = 40;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-export-'));
  datasetsDir = join(folder, 'datasets');
  harness = await openHarness({
    providers: [],
    routes: (store) => [datasetToolRoutes(toolsOf(store)), datasetRoutes({ store, datasetsDir })],
  });
  const { store } = harness;
  for (let at = 0; at < questions; at += 1) {
    const { id } = await chat(store, [user(`question ${at}`)], `answer ${at}`, { owner: 'local' });
    const said = { completionId: id, choice: 0, rater: 'local', source: 'api' };
    const better = { correction: { role: 'assistant', content: `better ${at}` } };
    await store.feedback.add({ ...said, ...(at % 4 === 0 ? better : { rating: 1 }) });
  }
  // Three user messages in a row are nothing that Alpaca or ShareGPT could say.
  const odd = await chat(store, [user('one'), user('two'), user('three')], 'four', { owner: 'local' });
  await store.feedback.add({ completionId: odd.id, choice: 0, rater: 'local', rating: 1, source: 'api' });
  digest = await build({ name: 'support', base: 'b', build: { min_examples: 1, val: 0.2, test: 0.2 } });
});
afterAll(async () => {
  await harness.close();
  await rm(folder, { recursive: true, force: true });
});

function toolsOf(store: Harness['store']) {
  const inFolder = (name: string) => join(datasetsDir, name);
  return {
    store,
    datasetsDir,
    evalsDir: inFolder('evals'),
    buildCacheDir: inFolder('cache'),
    trainAllowed: () => true,
  };
}

async function build(input: JsonObject): Promise<string> {
  const { store } = harness;
  const recipe = recipeSchema.parse(input);
  const { collection } = await collect({ store, trainAllowed: () => true }, recipe);
  const request = { recipe, recipeDigest: 'a'.repeat(64), collection, cycleId: null };
  return (await buildDataset(toolsOf(store), request)).manifest.digest;
}

interface Ran {
  code: number | null;
  out: string;
  err: string;
}

async function run(command: string, args: string[]): Promise<Ran> {
  const lines: string[] = [];
  const onLine = (line: string): void => void lines.push(line);
  const child = startProcess({ command, args, env: childEnvironment(), logFile: join(folder, 'log'), onLine });
  const { code, tail } = await child.exited;
  return { code, out: lines.join('\n'), err: tail };
}

async function ratchet(...args: string[]): Promise<Ran> {
  const url = await harness.serve();
  return run(process.execPath, [join(packageRoot, 'bin/ratchet.js'), 'datasets', ...args, '--url', url]);
}

const get = async (path: string): Promise<Response> => fetch(`${await harness.serve()}${path}`);
const exportPath = (query: string): string => `/api/datasets/${digest}/export?${query}`;

test('versions are listed and shown', async () => {
  expect((await ratchet('list')).out).toMatch(new RegExp(`  ${digest}  support  train \\d+  val \\d+  test \\d+$`));
  const { out } = await ratchet('show', digest);
  expect(out).toMatch(/learned +31 approved, 10 corrected/);
  expect(JSON.parse((await ratchet('show', digest, '--json')).out)).toMatchObject({ digest });
  const none = await ratchet('show', 'f'.repeat(64));
  expect(none).toMatchObject({ code: 1, err: expect.stringContaining('There is no dataset version') as string });
});

test.each(exporters.map(({ format }) => format))(
  '%s: a folder with its manifest, and nothing left behind',
  async (format) => {
    const target = join(folder, `out-${format}`);
    const { code, out, err } = await ratchet('export', digest, '--format', format, '-o', target, '--json');
    expect(err).toBe('');
    expect(code).toBe(0);
    const told = JSON.parse(out) as { files: { name: string; rows: number; bytes: number; digest: string }[] };
    expect(JSON.parse(await readFile(join(target, 'manifest.json'), 'utf8'))).toMatchObject({
      format,
      files: told.files,
    });
    for (const { name, digest: sum, bytes } of told.files) {
      const held = await readFile(join(target, name));
      expect([sha256Hex(held), held.length]).toEqual([sum, bytes]);
    }
    const dpo = format === 'openai-dpo' || format === 'trl-preference';
    const lost = format === 'alpaca' || format === 'sharegpt' ? 1 : 0;
    const rows = dpo ? 10 : questions + 1 - lost + (format === 'trl-kto' ? 10 : 0);
    expect(told.files.reduce((sum, file) => sum + file.rows, 0)).toBe(rows);
    expect(told).toMatchObject({ left_out: lost === 1 ? { turns_do_not_alternate: 1 } : {} });
    expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([]);
    const again = await ratchet('export', digest, '--format', format, '-o', target);
    expect(again).toMatchObject({ code: 1, err: expect.stringContaining('is there already') as string });
  },
);

test('one split is one file, with its counts in a header', async () => {
  const response = await get(exportPath('format=sharegpt&split=train'));
  expect(response.headers.get('content-type')).toBe('application/jsonl');
  const text = await response.text();
  const counts = JSON.parse(response.headers.get('x-ratchet-export') ?? '') as JsonObject;
  expect(counts).toMatchObject({ rows: text.split('\n').length - 1 });
  expect(response.headers.get('content-length')).toBe(String(Buffer.byteLength(text)));
  await expect.poll(async () => (await readdir(datasetsDir)).filter((name) => name.startsWith('.'))).toEqual([]);
});

test('a client that leaves takes its files with it', async () => {
  const response = await get(exportPath('format=openai-sft'));
  await response.body?.cancel();
  const { store } = harness;
  const record = await store.datasets.get(digest);
  if (!record) throw new Error('the dataset was not registered');
  // One that leaves before the first byte.
  const prepared = await prepareExport({ datasetsDir }, record, exporterOf('trl'), ['train']);
  prepared.tar().destroy();
  await expect.poll(async () => (await readdir(datasetsDir)).filter((name) => name.startsWith('.'))).toEqual([]);
});

test.each([
  ['format=csv', 400, 'There is no format'],
  ['format=trl&as=file', 400, 'One file is one split'],
  ['format=trl&split=all', 400, 'split'],
])('%s: %i', async (query, status, sentence) => {
  const response = await get(exportPath(query));
  expect(response.status).toBe(status);
  expect(await response.text()).toContain(sentence);
});

test('LitGPT reads the folder of Alpaca by itself', async () => {
  const target = join(folder, 'litgpt');
  expect(await ratchet('export', digest, '--format', 'alpaca', '-o', target)).toMatchObject({ code: 0 });
  const { python } = await ensureParts(['python'], { config: loadConfig() });
  const script = fileURLToPath(new URL('../fixtures/clients/training_files.py', import.meta.url));
  const { code, out, err } = await run(python.path, [script, target]);
  expect([code, code === 0 ? '' : err]).toEqual([0, '']);
  const saw = JSON.parse(out.split('\n').at(-1) ?? '') as {
    train: { instruction: string; output: string }[];
    prompts: string[];
  };
  expect(saw.train).toEqual(JSON.parse(await readFile(join(target, 'train.json'), 'utf8')));
  for (const { instruction, output } of saw.train)
    expect(output).toMatch(new RegExp(`^(answer|better) ${instruction.replace('question ', '')}$`));
  expect(saw.prompts[0]).toContain(saw.train[0]?.instruction);
});

test('Polars reads the Parquet of the Hub', async () => {
  const python = process.env.RATCHET_TEST_CLIENTS;
  if (!python) throw new Error('Run "npm test": it sets RATCHET_TEST_CLIENTS to a Python that has polars.');
  const target = join(folder, 'hub');
  expect(await ratchet('export', digest, '--format', 'hugging-face', '-o', target)).toMatchObject({ code: 0 });
  const script = 'import polars, sys; print(polars.read_parquet(sys.argv[1]).write_json())';
  const { out, err } = await run(python, ['-c', script, join(target, 'train.parquet')]);
  const read = JSON.parse(out === '' ? JSON.stringify(err) : out) as { id: string; messages: { content: string }[] }[];
  const rows = (await (await get(`/api/datasets/${digest}/train.jsonl`)).text()).trim().split('\n');
  const contents = (messages: readonly { content: string }[]): string[] => messages.map(({ content }) => content);
  expect(read.map(({ messages }) => contents(messages))).toEqual(
    rows.map((row) => contents((JSON.parse(row) as { messages: { content: string }[] }).messages)),
  );
});

test('what was left out is told with its reason, of all or of one completion', async () => {
  const small = await build({ name: 'small', base: 'b', build: { min_examples: 1, val: 0, test: 0, max_examples: 5 } });
  const { out } = await ratchet('left-out', small, '--json', '--limit', '1000');
  const all = JSON.parse(out) as LeftOut;
  expect(all.reasons).toEqual({ over_max_examples: questions - 4 });
  expect(all.items).toHaveLength(questions - 4);
  const { id = '' } = all.items[3] ?? {};
  expect((await ratchet('left-out', small, '--completion', id.slice(0, id.lastIndexOf('.')))).out).toBe(
    `left out: 1 over max examples\n  ${id}  balance: over max examples`,
  );
  expect((await ratchet('left-out', small, '--reason', 'duplicate')).out).toBe('left out: nothing');
  expect((await get(`/api/datasets/${'f'.repeat(64)}/left-out`)).status).toBe(404);
});
