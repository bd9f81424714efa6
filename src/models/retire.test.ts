import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DatasetManifest } from '../core/dataset.ts';
import { RatchetError } from '../core/errors.ts';
import { openStore } from '../store/open.ts';
import type { ModelVersion, Store } from '../store/types.ts';
import { promote, rollback } from './promotions.ts';
import { type RetireDeps, retire } from './retire.ts';
import { readSelection, selectionRef } from './selection.ts';
import { createStaleModels } from './stale.ts';

let folder: string;
let store: Store;
let deps: RetireDeps;
/** What is served. */
let served: Set<string>;
let deletedWeights: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-retire-'));
  store = await openStore({ dataDir: join(folder, 'data') });
  served = new Set(['ollama/base', 'ollama/one', 'ollama/two', 'ollama/three']);
  deletedWeights = [];
  deps = {
    promotions: {
      models: store.models,
      selectionFile: join(folder, 'model_select.json'),
      assertServed: async (ref) => {
        if (!served.has(ref)) throw new RatchetError('NotFound', `${ref} is not served.`);
      },
    },
    serveBase: async (base) => {
      served.add(`ollama/${base}`);
      return `ollama/${base}`;
    },
    deleteServed: async (ref) => served.delete(ref),
    deleteWeights: async ({ id }) => void deletedWeights.push(id),
  };
});
afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

/** A model version of a dataset version of its own. */
async function version(name: string): Promise<ModelVersion> {
  const split = { rows: 1, digest: 'x', bytes: 2 };
  const splits = { train: split, val: split, test: split };
  const manifest: DatasetManifest = {
    schema: 1,
    name,
    digest: name,
    recipe: 'r',
    collection: 'c',
    splits,
    signals: {},
    stages: [],
  };
  await store.datasets.register({ digest: name, name, manifest, cycleId: null }, []);
  const more = { recipe: 'r', adapterDigest: name, servedDigest: 's', cycleId: 'c', metrics: {} };
  return store.models.register({ ...more, name, base: 'tiny', dataset: name, served: `ollama/${name}` });
}

async function selectVersions(...names: string[]): Promise<ModelVersion[]> {
  const versions: ModelVersion[] = [];
  for (const name of names) {
    const made = await version(name);
    await promote(deps.promotions, { target: { modelVersion: made.id }, actor: 'ada' });
    versions.push(made);
  }
  return versions;
}

async function retireAll(...names: string[]) {
  for (const name of names) await store.datasets.redact(name);
  return retire(deps, await store.models.ofDatasets(names), 'ada');
}

async function selected(): Promise<string | null> {
  const file = await readSelection(deps.promotions.selectionFile);
  return file && selectionRef(file.selection);
}

const select = (model: string) =>
  promote(deps.promotions, { target: { selection: { provider: 'ollama', model } }, actor: 'ada' });

test('what is selected goes back over stale and vanished ones to the newest that is untouched', async () => {
  await select('base');
  const [one, two, three] = await selectVersions('one', 'two', 'three');
  served.delete('ollama/one');
  const retired = await retireAll('two', 'three');
  expect(retired).toEqual({ selected: 'ollama/base', deleted: [two?.id, three?.id], notes: [] });
  expect(await selected()).toBe('ollama/base');
  expect(served).toEqual(new Set(['ollama/base']));
  expect(deletedWeights).toEqual([two?.id, three?.id]);
  expect((await store.models.get(three?.id ?? ''))?.deletedAt).toBeGreaterThan(0);
  expect((await store.models.get(one?.id ?? ''))?.deletedAt).toBeNull();
  // It is one line that went back over three, and there is nothing to go back to before it.
  expect((await store.models.head())?.kind).toBe('rollback');
  await expect(rollback(deps.promotions, { actor: 'ada' })).rejects.toMatchObject({ code: 'Conflict' });
});

test('a stale one that is not selected is deleted, and the selection stays', async () => {
  await selectVersions('one', 'two');
  const retired = await retireAll('one');
  expect(retired.selected).toBeNull();
  expect(retired.deleted).toHaveLength(1);
  expect([await selected(), served.has('ollama/one')]).toEqual(['ollama/two', false]);
  // Nobody goes back to a model that was deleted.
  await expect(rollback(deps.promotions, { actor: 'ada' })).rejects.toMatchObject({ code: 'Conflict' });
});

test('with nothing untouched to go back to the base takes its place', async () => {
  await selectVersions('one');
  const retired = await retireAll('one');
  expect(retired).toMatchObject({ selected: 'ollama/tiny', notes: [expect.stringContaining('base') as string] });
  expect([await selected(), served.has('ollama/one')]).toEqual(['ollama/tiny', false]);
});

test('what nothing can take the place of stays selected and served, and it says so', async () => {
  const [one] = await selectVersions('one');
  deps.serveBase = async () => {
    throw new RatchetError('ProviderUnavailable', 'Ollama does not answer.');
  };
  const retired = await retireAll('one');
  expect(retired).toMatchObject({ selected: null, deleted: [] });
  expect(retired.notes).toEqual([expect.stringMatching(/ollama\/one stays selected.*Ollama does not answer/)]);
  expect([await selected(), served.has('ollama/one')]).toEqual(['ollama/one', true]);
  expect((await store.models.get(one?.id ?? ''))?.deletedAt).toBeNull();
});

test('one that cannot be deleted now is told, and not counted as deleted', async () => {
  await select('base');
  await selectVersions('one');
  deps.deleteServed = async () => {
    throw new RatchetError('ProviderUnavailable', 'Ollama does not answer.');
  };
  const retired = await retireAll('one');
  expect(retired).toMatchObject({ selected: 'ollama/base', deleted: [] });
  expect(retired.notes[0]).toContain('could not be deleted');
  expect(await store.models.stale()).toHaveLength(1);
});

test('stale models are known from memory, until they are deleted', async () => {
  await version('one');
  const stale = createStaleModels({ models: store.models, everyMs: 20 });
  expect(stale.warning('ollama', 'one')).toBeNull();
  await store.datasets.redact('one');
  await expect.poll(() => stale.warning('ollama', 'one:latest')).toMatch(/^stale: ollama\/one /);
  expect(stale.warning('ollama', 'two')).toBeNull();
  await store.models.noteDeleted((await store.models.stale())[0]?.id ?? '');
  await stale.refresh();
  expect(stale.warning('ollama', 'one')).toBeNull();
  stale.stop();
});
