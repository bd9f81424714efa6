import { deepStrictEqual } from 'node:assert';
import { expect, test } from 'vitest';
import type { DatasetManifest } from '../../src/core/dataset.ts';
import type { NewModelVersion, Store } from '../../src/store/types.ts';
import { assistant, chat, choice, outcome, request, user } from './chat-samples.ts';
import type { NewInstallation } from './installation.ts';

/** What every store owes to feedback, datasets, models, the ledger and blobs. */
export function lineageSuite(install: NewInstallation): void {
  test('feedback is added to a choice and comes back as it was given', async () => {
    const store = await (await install()).open();
    const { id } = await chat(store, [user('a')], 'b');
    const correction = assistant('better\u0000', { reasoning: null });
    const given = { completionId: id, choice: 0, rater: 'ada', source: 'api' };
    const added = [
      await store.feedback.add({ ...given, rating: -1 }),
      await store.feedback.add({ ...given, score: 0.25, comment: 'no\u0000', tags: ['x', ''] }),
      await store.feedback.add({ ...given, correction }),
    ];
    deepStrictEqual(added[2]?.correction, correction);
    deepStrictEqual(await store.feedback.ofCompletions([id, id, 'nobody']), added);
    deepStrictEqual((await store.feedback.list({ limit: 2, order: 'asc' })).items, added.slice(0, 2));
    expect(await store.feedback.ofCompletions([])).toEqual([]);
  });

  test('feedback needs a closed completion, a choice that is there, and values in range', async () => {
    const store = await (await install()).open();
    const { id } = await store.chats.begin(request([user('a')]));
    const add = (more: object) =>
      store.feedback.add({ completionId: id, choice: 0, rater: 'a', source: 'api', ...more });
    await expect(add({ rating: 1 })).rejects.toMatchObject({ code: 'Conflict' });
    await store.chats.finish(id, outcome([choice(assistant('b'), 2)]));
    await expect(add({ rating: 1 })).rejects.toMatchObject({ code: 'NotFound' });
    await expect(add({ completionId: 'nobody' })).rejects.toMatchObject({ code: 'NotFound' });
    await expect(add({ choice: 2, rating: 0 })).rejects.toMatchObject({ code: 'InvalidInput' });
    await expect(add({ choice: 2, score: 1.5 })).rejects.toMatchObject({ code: 'InvalidInput' });
    expect(await add({ choice: 2, score: 1 })).toMatchObject({ choice: 2, score: 1 });
  });

  test('a dataset version is registered once, and leads from an answer to its rows', async () => {
    const store = await (await install()).open();
    const rows = Array.from({ length: 1201 }, (_, n) => ({
      rowId: `row ${n}`,
      split: n % 2 ? ('val' as const) : ('train' as const),
      completionId: `completion ${n % 600}`,
      choice: 0,
    }));
    const dataset = { digest: 'd1', name: 'support', manifest: manifest('d1'), cycleId: null };
    await store.datasets.register(dataset, rows);
    await store.datasets.register({ ...dataset, name: 'again' }, rows);
    expect(await store.datasets.get('d1')).toMatchObject(dataset);
    expect(await store.datasets.get('d2')).toBeNull();
    expect((await store.datasets.list({ limit: 5 })).items).toHaveLength(1);
    expect(await store.datasets.versionsWith('completion 1')).toEqual([
      { digest: 'd1', split: 'val', rowId: 'row 1' },
      { digest: 'd1', split: 'val', rowId: 'row 601' },
    ]);
    expect(await store.datasets.versionsWith('completion 600')).toEqual([]);
    expect(await store.datasets.row('d1', 'row 601')).toEqual([
      { rowId: 'row 601', split: 'val', completionId: 'completion 1', choice: 0 },
    ]);
    expect(await store.datasets.row('d1', 'row 9999')).toEqual([]);
    expect(await store.datasets.row('d2', 'row 601')).toEqual([]);
  });

  test('a model version is registered once for a cycle and an adapter', async () => {
    const store = await (await install()).open();
    const first = await store.models.register(version());
    expect(await store.models.register({ ...version(), name: 'again' })).toEqual(first);
    const second = await store.models.register({ ...version(), cycleId: 'c2' });
    expect(second.id).not.toBe(first.id);
    await store.models.setMetrics(first.id, { loss: 0.5 });
    expect(await store.models.get(first.id)).toEqual({ ...first, metrics: { loss: 0.5 } });
    expect(await store.models.byServed('ollama/ratchet-x')).toEqual(second);
    expect(await store.models.byServed('ollama/nobody')).toBeNull();
    expect((await store.models.list({ limit: 1 })).items).toEqual([second]);
    const other = await store.models.register({ ...version(), dataset: 'd2', adapterDigest: 'a2' });
    expect(await store.models.ofDatasets(['d1'])).toEqual([{ ...first, metrics: { loss: 0.5 } }, second]);
    expect(await store.models.ofDatasets(['d2', 'd3'])).toEqual([other]);
    expect(await store.models.ofDatasets([])).toEqual([]);
    await expect(store.models.setMetrics('nobody', {})).rejects.toMatchObject({ code: 'NotFound' });
  });

  test('the ledger grows only from its newest line', async () => {
    const store = await (await install()).open();
    expect(await store.models.head()).toBeNull();
    const first = await store.models.appendPromotion(line('one'), 0);
    expect(first).toMatchObject({ seq: 1, state: 'pending', appliedAt: null });
    for (const after of [0, 2, 7]) {
      await expect(store.models.appendPromotion(line('late'), after)).rejects.toMatchObject({ code: 'Conflict' });
    }
    await store.models.settlePromotion(first.id, 'applied');
    await store.models.settlePromotion(first.id, 'applied');
    await expect(store.models.settlePromotion(first.id, 'abandoned')).rejects.toMatchObject({ code: 'Conflict' });
    await expect(store.models.settlePromotion('nobody', 'applied')).rejects.toMatchObject({ code: 'NotFound' });
    const second = await store.models.appendPromotion(line('two'), 1);
    expect(await store.models.head()).toEqual(second);
    const page = await store.models.promotions({ limit: 1 });
    expect(page.items).toEqual([second]);
    const rest = await store.models.promotions({ limit: 1, ...(page.next && { cursor: page.next }) });
    expect(rest.items[0]).toMatchObject({ id: first.id, state: 'applied', selection: { model: 'one' } });
    expect(rest.next).toBeNull();
  });

  test('the store checks itself, and says so when it is closed', async () => {
    const store = await (await install()).open();
    await store.check();
    await store.close();
    await store.close();
    await expect(store.chats.get('x')).rejects.toMatchObject({ code: 'StoreUnavailable' });
    await expect(begin(store)).rejects.toMatchObject({ code: 'StoreUnavailable' });
  });
}

function begin(store: Store) {
  return store.cycles.create({ id: 'x', base: 'b', name: 'n', recipe: 'r' });
}

function line(model: string): Parameters<Store['models']['appendPromotion']>[0] {
  return {
    kind: 'promote',
    modelVersion: null,
    selection: { provider: 'ollama', model },
    fileDigest: 'f',
    actor: 'ada',
    cycleId: null,
    evidence: null,
  };
}

function version(): NewModelVersion {
  return {
    name: 'x',
    base: 'tiny',
    dataset: 'd1',
    recipe: 'r1',
    adapterDigest: 'a1',
    served: 'ollama/ratchet-x',
    servedDigest: 's1',
    cycleId: 'c1',
    metrics: {},
  };
}

function manifest(digest: string): DatasetManifest {
  const split = { rows: 1, digest: 'x', bytes: 2 };
  return {
    schema: 1,
    name: 'support',
    digest,
    recipe: 'r',
    collection: 'c',
    splits: { train: split, val: split, test: split },
    signals: { approved: 1 },
    stages: [{ stage: 'dedup', in: 2, out: 1, dropped: { duplicate: 1 } }],
  };
}
