import { spawn } from 'node:child_process';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { childEnvironment, packageRoot } from '../../src/config.ts';
import type { JsonObject } from '../../src/core/canonical.ts';
import type { Evaluation } from '../../src/core/evaluation.ts';
import type { ForgetReport } from '../../src/core/forgetting.ts';
import { type Replay, recipeSchema } from '../../src/core/recipe.ts';
import { buildDataset } from '../../src/dataset/build.ts';
import { type Collection, collect } from '../../src/dataset/collect.ts';
import { anchorsOf } from '../../src/dataset/replay/anchors.ts';
import { replayedRow } from '../../src/dataset/replay/answers.ts';
import { buildCacheFolder } from '../../src/dataset/scratch.ts';
import { refuseForgotten } from '../../src/dataset/forget/redact-version.ts';
import { refuseRedacted } from '../../src/dataset/forget/redacted.ts';
import { sha256Hex } from '../../src/store/digest.ts';
import { type ApiProcess, startApiProcess } from '../fixtures/api-process.ts';
import { type Learned, type Places, learn, saltFor, withStore } from '../fixtures/learned-chats.ts';
import { type Said, makeUpChat } from '../fixtures/said.ts';
import { type WireServer, startWireServer, whole } from '../fixtures/wire-server.ts';

let wire: WireServer;
let api: ApiProcess;
let places: Places;
let env: Record<string, string>;
/** What may stand nowhere any more, until the end. */
const forgotten: string[] = [];

beforeAll(async () => {
  wire = await startWireServer(['tiny', 'learned']);
  env = { OLLAMA_BASE_URL: wire.url.replace(/\/v1$/, '') };
  api = await startApiProcess(env);
  places = { dataDir: api.dataDir, datasetsDir: join(api.home, 'datasets') };
});
afterAll(async () => {
  await api.remove();
  await wire.close();
});

interface Chatted {
  id: string;
  conversation: string;
}

async function chat(said: Said, before: JsonObject[] = [], model = 'ollama/tiny'): Promise<Chatted> {
  wire.answerWith(whole(said.answer));
  const messages = [...before, { role: 'user', content: said.question }];
  const response = await api.send('POST', '/v1/chat/completions', { model, messages, metadata: { note: said.system } });
  await response.text();
  expect(response.status).toBe(200);
  const header = (name: string) => response.headers.get(name) ?? '';
  const id = header('x-ratchet-completion-id');
  // Other processes see a chat some tenths of a second later, unless its own one reads it.
  await call('GET', `/api/completions/${id}`);
  return { id, conversation: header('x-conversation-id') };
}

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await api.send(method, path, body);
  expect({ path, status: response.status, body: response.status < 300 ? '' : await response.text() }).toMatchObject({
    body: '',
  });
  return (await response.json()) as T;
}

/** Feedback of a rater straight in the store: over the API the rater is the key's owner. */
function rate(completionId: string, rater: string, more: object): Promise<unknown> {
  const event = { completionId, choice: 0, rater, source: 'api', ...more };
  return withStore(places, (store) => store.feedback.add(event));
}

async function rowsOf({ folder }: Learned): Promise<string[]> {
  const texts = await Promise.all(
    ['train', 'val', 'test'].map((split) => readFile(join(folder, `${split}.jsonl`), 'utf8')),
  );
  return texts.flatMap((text) => text.split('\n').filter((line) => line !== ''));
}

async function ratchet(...args: string[]): Promise<{ code: number | null; said: string }> {
  const command = [join(packageRoot, 'bin/ratchet.js'), ...args];
  const settings = { RATCHET_HOME: api.home, RATCHET_DATA_DIR: api.dataDir, RATCHET_PORT: new URL(api.url).port };
  const variables = childEnvironment({ ...settings, ...env, RATCHET_API_KEY: api.adminKey });
  const child = spawn(process.execPath, command, { env: variables, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, said };
}

/** Selects a model of the wire server, which cannot tell as Ollama does which it has. */
async function select(model: string): Promise<void> {
  await writeFile(join(api.home, 'model_select.json'), JSON.stringify({ provider: 'ollama', model }));
  // Longer than the file is believed.
  await sleep(150);
}

/** How many rows, pairs and judged answers a version has; other files hold ids only. */
async function linesOf({ folder }: Learned): Promise<number> {
  const names = (await readdir(folder)).filter((name) => /(train|val|test)\.jsonl$/.test(name));
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  return texts.join('').split('\n').length - 1;
}

/** Of which files of a folder are which bytes. */
async function filesOf(folder: string): Promise<Record<string, string>> {
  const entries = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const digests = entries.map(async ({ parentPath, name }) => {
    const path = join(parentPath, name);
    return [path, sha256Hex(await readFile(path))] as const;
  });
  return Object.fromEntries(await Promise.all(digests));
}

test('a forgotten conversation is in no file any more, and all else is', async () => {
  const [first, second, opinion] = [makeUpChat(), makeUpChat(), makeUpChat()];
  const talk = await chat(first);
  const more = await chat(second, [
    { role: 'user', content: first.question },
    { role: 'assistant', content: first.answer },
  ]);
  expect(more.conversation).toBe(talk.conversation);
  const correction = { role: 'assistant', content: opinion.answer };
  await rate(talk.id, 'ada', { rating: 1, comment: opinion.question, tags: [opinion.system] });
  await rate(more.id, 'ada', { correction });
  const others = Array.from({ length: 14 }, makeUpChat);
  for (const said of others) await rate((await chat(said)).id, 'bob', { rating: 1 });
  const node = await withStore(places, async (store) => (await store.chats.get(talk.id))?.node ?? '');
  const learned = await learn(places, first.question, { salt: saltFor(node) }, 'ollama/learned');
  const [lines, rows] = [await linesOf(learned), await rowsOf(learned)];
  const leftovers = [join(places.datasetsDir, 'support', '.writing-1'), join(places.datasetsDir, '.exporting-1')];
  for (const folder of leftovers) {
    await mkdir(folder);
    await writeFile(join(folder, 'train.jsonl'), `{"text":"${first.answer}"}\n`);
  }
  const gone = [...first.traces, ...second.traces, ...opinion.traces];
  const kept = others.flatMap(({ traces }) => traces);
  const places_ = api.filesWith(gone).map((line) => line.split(': ')[0]?.replaceAll(/[0-9a-f-]{30,}/g, '*'));
  for (const place of ['datasets/support/*/test.jsonl', '.ratchet/cycles/*/events.jsonl']) {
    expect(places_).toContain(place);
  }
  for (const place of [/ratchet\.db/, /blobs/, /train\.log/, /state\.pt/, /prepared\.bin/, /\.writing-1/]) {
    expect(places_.some((found) => place.test(found ?? ''))).toBe(true);
  }

  const body = { conversation: talk.conversation };
  const before = await filesOf(places.datasetsDir);
  const plan = await call<ForgetReport>('POST', '/api/forget', { ...body, dry_run: true });
  expect(plan).toMatchObject({ state: 'planned', completions: 2, datasets: [{ digest: learned.dataset }] });
  expect(plan.evaluations).toEqual([learned.evaluation]);
  expect(plan.models).toEqual([{ id: learned.modelVersion, served: 'ollama/learned', deleted: false }]);
  expect(plan.removed).toEqual(expect.arrayContaining(leftovers));
  expect(await filesOf(places.datasetsDir)).toEqual(before);
  expect(await call('GET', '/api/forget')).toEqual({ items: [] });

  const report = await call<ForgetReport>('POST', '/api/forget', body);
  expect(report).toMatchObject({ state: 'done', completions: 2, failures: 1 });
  const lost = lines - (await linesOf(learned));
  expect(report.datasets).toEqual([{ digest: learned.dataset, name: 'support', rows: lost }]);
  expect(plan.datasets).toEqual(report.datasets);
  expect(report.out_of_reach.join(' ')).toMatch(/exported.*[Bb]ackups/);
  forgotten.push(...gone);
  expect(api.filesWith(gone)).toEqual([]);
  expect(kept.filter((trace) => api.filesWith([trace]).length === 0)).toEqual([]);
  expect(await rowsOf(learned)).toHaveLength(rows.length - 2);
  const manifest = JSON.parse(await readFile(join(learned.folder, 'manifest.json'), 'utf8')) as JsonObject;
  expect(manifest).toMatchObject({ digest: learned.dataset, redacted: { rows: lost } });
  expect((await readdir(learned.folder)).filter((name) => name.startsWith('.'))).toEqual([]);
  expect(await readFile(join(learned.folder, 'README.md'), 'utf8')).toContain(`to be forgotten: ${lost}.`);
  const run = join(places.dataDir, 'cycles', learned.cycle, learned.keys.train);
  expect((await readdir(run)).sort()).toEqual(['adapter', 'result.json', 'train.log']);

  await withStore(places, async (store) => {
    const evaluation = await store.blobs.getJson<Evaluation>(learned.evaluation);
    expect(evaluation.means).toEqual({ candidate: { likeness: 0.5 }, base: { likeness: 0.5 } });
    expect(evaluation.answers.base?.filter(({ text }) => text === '')).toHaveLength(2);
    expect(await store.forgotten.list()).toEqual([{ node, joined: [] }]);
  });
  // Again is the same, and takes nothing else.
  const files = await filesOf(places.datasetsDir);
  expect(await call('POST', '/api/forget', body)).toMatchObject({
    state: 'done',
    datasets: [{ rows: lost }],
    logs: [],
  });
  expect(await filesOf(places.datasetsDir)).toEqual(files);
});

test('a dataset version and a model that lost something say so wherever they are shown', async () => {
  const { items: datasets } = await call<{ items: { digest: string; redacted: { rows: number } | null }[] }>(
    'GET',
    '/api/datasets',
  );
  const [dataset] = datasets;
  const rows = dataset?.redacted?.rows ?? 0;
  expect(rows).toBeGreaterThan(1);
  const exported = await api.send('GET', `/api/datasets/${dataset?.digest}/export?format=trl&split=test`);
  expect(JSON.parse(exported.headers.get('x-ratchet-export') ?? '')).toMatchObject({ redacted: rows });
  expect(exported.status).toBe(200);
  await exported.text();
  const { items: models } = await call<{ items: { id: string; stale: unknown; deleted_at: unknown }[] }>(
    'GET',
    '/api/models',
  );
  expect(models).toMatchObject([{ stale: { rows }, deleted_at: null }]);

  const ask = (model: string, stream: boolean) =>
    api.send('POST', '/v1/chat/completions', {
      model,
      stream,
      messages: [{ role: 'user', content: 'hello' }],
      store: false,
    });
  wire.answerWith(whole('fine'));
  await select('tiny');
  expect((await call<{ parts: JsonObject }>('GET', '/api/health')).parts.model).toMatchObject({ state: 'green' });
  await select('learned');
  for (const stream of [false, true]) {
    const answer = await ask('active', stream);
    expect(answer.headers.get('x-ratchet-warning')).toMatch(/^stale: ollama\/learned /);
    await answer.text();
  }
  const other = await ask('ollama/tiny', false);
  expect(other.headers.get('x-ratchet-warning')).toBeNull();
  await other.text();
  expect((await call<{ parts: JsonObject }>('GET', '/api/health')).parts.model).toMatchObject({
    state: 'yellow',
    reason: expect.stringContaining('ollama/learned') as string,
  });
  expect((await ratchet('models')).said).toMatch(/ollama\/learned {2}from tiny {2}stale: /);
  expect((await ratchet('datasets', 'list')).said).toContain(`redacted ${rows}\n`);
  const { said } = await ratchet('doctor');
  expect(said).toMatch(/warning +ollama\/learned learned something that is forgotten\n +→ run a cycle/);
});

test('a forgotten rater is in no file any more: what they wrote, who they were, and what rests on them alone', async () => {
  const [alone, shared, theirs, secret] = [makeUpChat(), makeUpChat(), makeUpChat(), makeUpChat()];
  const rater = secret.traces[0] ?? '';
  const ids = [(await chat(alone)).id, (await chat(shared)).id, (await chat(theirs)).id];
  await rate(ids[0] ?? '', rater, { rating: 1, comment: secret.question });
  await rate(ids[1] ?? '', rater, { rating: 1 });
  await rate(ids[1] ?? '', 'bob', { rating: 1 });
  await rate(ids[2] ?? '', rater, { correction: { role: 'assistant', content: secret.answer } });
  const learned = await learn(places, secret.answer, { salt: 'any', val: 0, test: 0 }, 'ollama/learned-too');
  const lines = await linesOf(learned);
  expect(api.filesWith(secret.traces).length).toBeGreaterThan(4);

  expect(await call('POST', '/api/forget', { rater, dry_run: true })).toMatchObject({ feedback: 3, completions: 0 });
  const planned = await ratchet('forget', rater, '--dry-run');
  expect(planned.said).toMatch(/^This would go:\n {2}3 events of feedback\n {2}\d+ rows of the dataset /);
  const told = await ratchet('forget', rater, '--json');
  const report = JSON.parse(told.said) as ForgetReport;
  expect(report).toMatchObject({ state: 'done', feedback: 3 });
  expect(report.datasets).toMatchObject([{ digest: learned.dataset, rows: lines - (await linesOf(learned)) }]);
  forgotten.push(...secret.traces);
  expect(api.filesWith(secret.traces)).toEqual([]);
  const left = (await rowsOf(learned)).join('\n');
  expect(left).toContain(shared.traces[2]);
  for (const { traces } of [alone, theirs]) expect(left).not.toContain(traces[1]);
  // The chats themselves are not the rater's.
  expect(api.filesWith(alone.traces).length).toBeGreaterThan(0);
  const lineage = await call<JsonObject>('GET', `/api/datasets/${learned.dataset}/rows/${ids[1]}.0/lineage`);
  expect(lineage).toMatchObject({ raters: ['bob'], feedback_forgotten: [expect.any(String)] });
  const row = await ratchet('lineage', `${ids[1]}.0`);
  expect(row.said).toMatch(
    new RegExp(`^row ${ids[1]}.0 of dataset ${learned.dataset}  support  train\n  approved, written by ollama/tiny\n`),
  );
  expect(row.said).toMatch(
    /feedback \S+ {2}by bob {2}rating 1\n {2}feedback \S+ {2}forgotten\n {4}model \S+ {2}ollama\/learned-too {2}stale\n$/,
  );
  expect((await ratchet('lineage', ids[1] ?? '')).said).toContain(
    `dataset ${learned.dataset}  support  train  row ${ids[1]}.0`,
  );
  expect(await ratchet('forget', rater)).toMatchObject({
    code: 1,
    said: expect.stringContaining('There is no feedback by') as string,
  });
});

test.each([
  [{}, 400],
  [{ conversation: 'x', rater: 'y' }, 400],
  [{ conversation: '0198f0c0-0000-7000-8000-000000000000' }, 404],
  [{ rater: 'nobody' }, 404],
])('%j: %i', async (body, status) => {
  expect((await api.send('POST', '/api/forget', body)).status).toBe(status);
  expect((await call<{ items: unknown[] }>('GET', '/api/forget')).items).toHaveLength(3);
});

test('what lost something is not learned from, nor measured, and neither is what is forgotten while it is built', async () => {
  await withStore(places, async (store) => {
    const [version] = (await store.datasets.list({ limit: 1 })).items;
    const { digest = '' } = version ?? {};
    await expect(refuseRedacted(store, digest)).rejects.toMatchObject({
      code: 'Conflict',
      message: expect.stringMatching(/is redacted, \d+ rows? (was|were) taken out .*: build a new one/) as string,
    });
    await expect(refuseForgotten({ store, ...places }, digest)).rejects.toMatchObject({ code: 'Conflict' });
    // One that is built from a collection of before has lost it when it is refused.
    const [said, other] = [makeUpChat(), makeUpChat()];
    const [gone, kept] = [await chat(said), await chat(other)];
    for (const { id } of [gone, kept]) {
      await store.feedback.add({ completionId: id, choice: 0, rater: 'bob', rating: 1, source: 'api', tags: ['late'] });
    }
    const recipe = recipeSchema.parse({
      name: 'late',
      base: 'b',
      collect: { tags: ['late'] },
      build: { min_examples: 1, val: 0, test: 0 },
    });
    const { collection } = await collect({ store, trainAllowed: () => true }, recipe);
    const intent = {
      kind: 'conversation' as const,
      subject: gone.conversation,
      actor: 'test',
      now: false,
      feedback: [],
    };
    await store.forgotten.begin({ ...intent, completions: [gone.id] });
    const request = { recipe, recipeDigest: 'a'.repeat(64), collection, cycleId: null };
    const { dataDir, datasetsDir } = places;
    const deps = { store, datasetsDir, evalsDir: join(dataDir, 'evals'), buildCacheDir: buildCacheFolder(dataDir) };
    const built = await buildDataset(deps, request);
    await expect(refuseForgotten({ store, ...places }, built.manifest.digest)).rejects.toMatchObject({
      message: expect.stringContaining('retry from the step collect') as string,
    });
    const texts = await Promise.all(
      ['train', 'val', 'test'].map((split) => readFile(join(built.folder, `${split}.jsonl`), 'utf8')),
    );
    expect(texts.join('')).not.toContain(said.traces[1]);
    expect(texts.join('')).toContain(other.traces[1]);
    expect(await store.datasets.get(built.manifest.digest)).toMatchObject({
      redacted: { rows: expect.any(Number) as number },
    });
    await refuseForgotten({ store, ...places }, 'nobody');
  });
});

test('a forgotten chat takes along what the base said to its prompt', async () => {
  const [said, other] = [makeUpChat(), makeUpChat()];
  const [asked, taught] = [await chat(said), await chat(other)];
  await rate(taught.id, 'bob', { rating: 1, tags: ['replayed'] });
  const recipe = recipeSchema.parse({
    name: 'replayed',
    base: 'b',
    collect: { tags: ['replayed'] },
    build: { min_examples: 1, val: 0, test: 0, replay: { prompts: 'conversations', share: 0.9 } },
  });
  const { digest, replay, folder } = await withStore(places, async (store) => {
    const { collection } = await collect({ store, trainAllowed: () => true }, recipe);
    const listed = await store.blobs.getJson<Collection>(collection);
    expect(listed.prompts).toContain(asked.id);
    const anchors = await anchorsOf(store, listed, recipe.build.replay as Replay);
    const answer = { text: `You ask: ${said.question} It is ${said.traces[2]}.`, cutOff: false };
    await store.replay.keep('what was asked', answer, asked.id);
    const facts = {
      base: { ref: 'ollama/base', digest: 'd' },
      options: { temperature: 0, seed: 1, max_tokens: 64 },
    } as const;
    const fine = { text: 'That is fine.', cutOff: false };
    const rows = anchors.map((one) => replayedRow(facts, one, one.completion === asked.id ? answer : fine));
    const replay = await store.blobs.putJson({ schema: 1, kind: 'replay', ...facts, rows });
    const { dataDir, datasetsDir } = places;
    const deps = { store, datasetsDir, evalsDir: join(dataDir, 'evals'), buildCacheDir: buildCacheFolder(dataDir) };
    const request = { recipe, recipeDigest: 'a'.repeat(64), collection, replay, cycleId: null };
    const { manifest, folder } = await buildDataset(deps, request);
    return { digest: manifest.digest, replay, folder };
  });
  const train = () => readFile(join(folder, 'train.jsonl'), 'utf8');
  expect(await train()).toContain(said.traces[1]);
  const { datasets } = await call<{ datasets: { row: string }[] }>('GET', `/api/completions/${asked.id}/lineage`);
  const row = datasets.at(-1)?.row ?? '';
  expect(row).toMatch(/^replay\./);
  expect((await ratchet('lineage', row, '--dataset', digest)).said).toMatch(
    new RegExp(`train\n  replay, written by ollama/base\n  completion ${asked.id} prompt alone `),
  );
  expect((await ratchet('lineage', row)).said).toContain('say with --dataset');

  const report = await call<ForgetReport>('POST', '/api/forget', { conversation: asked.conversation });
  expect(report).toMatchObject({ state: 'done', datasets: [{ digest, rows: 1 }] });
  expect(report.evaluations).toContain(replay);
  forgotten.push(...said.traces);
  expect(api.filesWith(said.traces)).toEqual([]);
  expect(await train()).toContain(other.traces[1]);
  expect(await withStore(places, (store) => store.replay.find(['what was asked']))).toEqual(new Map());
});

test('nothing of it has come back when the process has ended', async () => {
  await api.stop();
  expect(forgotten.length).toBeGreaterThan(10);
  expect(api.filesWith(forgotten)).toEqual([]);
});
