import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { datasetFiles } from '../../src/core/dataset.ts';
import { recipeSchema } from '../../src/core/recipe.ts';
import { type BuildRequest, type BuiltDataset, buildDataset } from '../../src/dataset/build.ts';
import { collect } from '../../src/dataset/collect.ts';
import type { Store } from '../../src/store/types.ts';
import { chat, user } from '../contract/chat-samples.ts';
import type { BuildTask } from '../fixtures/build-child.ts';
import { withStore } from '../fixtures/learned-chats.ts';

let home: string;
let request: BuildRequest;
/** The files of the version by a build that nobody killed, and its digest. */
let whole: Record<string, string>;
let digest: string;

const dataDir = (): string => join(home, 'data');

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'ratchet-killed-'));
  const places = { dataDir: dataDir(), datasetsDir: '' };
  const recipe = recipeSchema.parse({ name: 'support', base: 'b', build: { min_examples: 1 } });
  request = await withStore(places, async (store) => {
    for (let at = 0; at < 40; at += 1) {
      const said = `anna${at}@example.org asks for the number ${at} of what was sent to her on the ${at % 28}th of May`;
      const { id } = await chat(store, [user(said)], `The number ${at} was sent, and it arrives within ${at} days.`);
      await store.feedback.add({ completionId: id, choice: 0, rater: 'bob', source: 'api', rating: 1 });
    }
    const { collection } = await collect({ store, trainAllowed: () => true }, recipe);
    return { recipe, recipeDigest: 'a'.repeat(64), collection, cycleId: null };
  });
  const built = await buildIn('unharmed');
  [whole, digest] = [await filesOf(built), built.manifest.digest];
});
afterAll(() => rm(home, { recursive: true, force: true }));

async function buildIn(name: string): Promise<BuiltDataset> {
  const folder = join(home, name);
  const deps = {
    datasetsDir: join(folder, 'datasets'),
    buildCacheDir: join(folder, 'cache'),
    evalsDir: join(folder, 'evals'),
  };
  return withStore({ dataDir: dataDir(), datasetsDir: '' }, (store: Store) =>
    buildDataset({ store, ...deps }, request),
  );
}

async function filesOf({ folder }: BuiltDataset): Promise<Record<string, string>> {
  const names = (await readdir(folder)).sort();
  const texts = names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const);
  return Object.fromEntries(await Promise.all(texts));
}

/** Builds in another process until a file is there, and kills it then. */
async function killedAt(folder: string, until: string): Promise<string[]> {
  const task: BuildTask = { dataDir: dataDir(), folder, request, until };
  const program = fileURLToPath(new URL('../fixtures/build-child.ts', import.meta.url));
  const child = spawn(process.execPath, [program, JSON.stringify(task)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.on('exit', (_code, signal) => resolve(signal)));
  child.stdout.once('data', () => child.kill('SIGKILL'));
  expect(await ended).toBe('SIGKILL');
  return (await readdir(folder, { recursive: true })).sort();
}

test.each([
  ['rows are spooled', String.raw`^datasets/\.building-[^/]+/rows$`, /\/rows$/u],
  ['what is said of rows is written', String.raw`^cache/\.writing-`, /^cache\/\.writing-/u],
  ['what is said of rows is kept', String.raw`^cache/[^/]+\.rows$`, /^cache\/.+\.rows$/u],
  ['the files are begun', String.raw`/version/test\.jsonl$`, /\/version\/train\.jsonl$/u],
  ['the manifest is begun', String.raw`/version/manifest\.json$`, /\/version\/manifest\.json$/u],
  ['the version is in place', String.raw`^datasets/support/\w{64}$`, /^datasets\/support\/\w{64}\/manifest\.json$/u],
])('a build that is killed when %s is made good by the next, byte for byte', async (name, until, left) => {
  const folder = join(home, name.replaceAll(' ', '-'));
  await mkdir(folder);
  const found = await killedAt(folder, until);
  expect(found.some((path) => left.test(path))).toBe(true);
  const built = await buildIn(name.replaceAll(' ', '-'));
  expect(built.manifest.digest).toBe(digest);
  expect(await filesOf(built)).toEqual(whole);
  // No spool, and nothing half written.
  const datasets = (await readdir(join(folder, 'datasets'), { recursive: true })).sort();
  expect(datasets).toEqual(
    ['support', `support/${digest}`, ...Object.keys(whole).map((file) => `support/${digest}/${file}`)].sort(),
  );
  expect((await readdir(join(folder, 'cache'))).filter((file) => file.startsWith('.'))).toEqual([]);
});

test('the version that they are compared with is whole', () => {
  for (const file of [...datasetFiles, 'manifest.json', 'README.md']) expect(Object.keys(whole)).toContain(file);
  expect(whole['train.jsonl']).toContain('[EMAIL_1]');
});
