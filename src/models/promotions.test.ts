import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RatchetError } from '../core/errors.ts';
import { openStore } from '../store/open.ts';
import type { ModelStore, PromotionRecord, Store } from '../store/types.ts';
import { reconcile } from './ledger.ts';
import { type PromotionDeps, promote, rollback } from './promotions.ts';
import { readSelection, selectionDigest, selectionRef, writeSelection } from './selection.ts';

let folder: string;
let store: Store;
let deps: PromotionDeps;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-promotions-'));
  store = await openStore({ dataDir: join(folder, 'data') });
  deps = {
    models: store.models,
    selectionFile: join(folder, 'model_select.json'),
    assertServed: async () => undefined,
  };
});
afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

const of = (model: string) => ({ provider: 'ollama', model });

function select(model: string, more: { expectedOpponent?: string } = {}): Promise<PromotionRecord> {
  return promote(deps, { target: { selection: of(model) }, actor: 'anna', ...more });
}

async function selected(): Promise<string | null> {
  const file = await readSelection(deps.selectionFile);
  return file && selectionRef(file.selection);
}

/** The ledger, oldest first, in short. */
async function ledger(): Promise<string[]> {
  const { items } = await store.models.promotions({ limit: 100 });
  return items.map(({ kind, selection, state }) => `${kind} ${selection.model} ${state}`).reverse();
}

/** A ledger whose process dies at one of its writes. */
function dyingAt(moment: keyof Pick<ModelStore, 'settlePromotion' | 'appendPromotion'>, after: boolean): PromotionDeps {
  const die = async (...args: never[]): Promise<never> => {
    if (after) await (store.models[moment] as (...given: never[]) => Promise<unknown>)(...args);
    throw new Error('killed');
  };
  return { ...deps, models: { ...store.models, [moment]: die } };
}

describe('promote', () => {
  test('writes a line and the file, and the same again adds nothing', async () => {
    const line = await select('a');
    expect(line).toMatchObject({ seq: 1, kind: 'promote', state: 'applied', actor: 'anna', selection: of('a') });
    expect(await selected()).toBe('ollama/a');
    expect((await select('a')).id).toBe(line.id);
    expect(await ledger()).toEqual(['promote a applied']);
    expect((await store.models.head())?.fileDigest).toBe(selectionDigest(of('a')));
  });

  test("keeps the name of the key's variable within a provider, through the ledger and back, and never a key", async () => {
    const openai = (model: string) => ({ provider: 'openai', model });
    const variable = { apiKeyEnv: 'TEAM_KEY' };
    const file = { ...openai('a'), api_key: 'secret-key', api_key_env: 'TEAM_KEY' };
    await writeFile(deps.selectionFile, JSON.stringify(file));
    const second = await promote(deps, { target: { selection: openai('b') }, actor: 'anna' });
    expect(second).toMatchObject({ seq: 2, selection: { ...openai('b'), ...variable } });
    const written = await readSelection(deps.selectionFile);
    expect(written).toEqual({ selection: { ...openai('b'), ...variable }, apiKey: null, digest: second.fileDigest });
    await select('local');
    expect((await readSelection(deps.selectionFile))?.selection).toEqual(of('local'));
    await rollback(deps, { actor: 'anna' });
    expect((await readSelection(deps.selectionFile))?.selection).toEqual({ ...openai('b'), ...variable });
    await rm(deps.selectionFile);
    await reconcile(deps);
    expect((await readSelection(deps.selectionFile))?.selection).toEqual({ ...openai('b'), ...variable });
    expect(await ledger()).toHaveLength(4);
    expect(JSON.stringify(await store.models.promotions({ limit: 100 }))).not.toContain('secret-key');
  });

  test('what the environment selects is what has to be beaten as long as nothing else is selected', async () => {
    deps = { ...deps, untilSelected: 'ollama/env' };
    await expect(select('a', { expectedOpponent: 'nothing' })).rejects.toMatchObject({ code: 'Conflict' });
    await select('a', { expectedOpponent: 'ollama/env' });
    await expect(select('b', { expectedOpponent: 'ollama/env' })).rejects.toThrow('The selection is ollama/a');
  });

  test('a model version by its id, with its lineage', async () => {
    const version = await store.models.register({
      name: 'r',
      base: 'b',
      dataset: 'd'.repeat(64),
      recipe: 'e'.repeat(64),
      adapterDigest: 'f'.repeat(64),
      served: 'ollama/ratchet-r-1',
      servedDigest: '0'.repeat(64),
      cycleId: 'cycle',
      metrics: {},
    });
    const request = {
      target: { modelVersion: version.id },
      actor: 'cycle',
      cycleId: 'cycle',
      evidence: '1'.repeat(64),
    };
    const line = await promote(deps, request);
    expect(line).toMatchObject({ modelVersion: version.id, cycleId: 'cycle', evidence: '1'.repeat(64) });
    expect(await selected()).toBe('ollama/ratchet-r-1');
    const unknown = promote(deps, { target: { modelVersion: 'no' }, actor: 'anna' });
    await expect(unknown).rejects.toMatchObject({ code: 'NotFound' });
  });

  test('refuses when the opponent is no longer selected, or the model is not served', async () => {
    await select('a');
    await expect(select('c', { expectedOpponent: 'ollama/b' })).rejects.toMatchObject({ code: 'Conflict' });
    expect((await select('c', { expectedOpponent: 'ollama/a' })).selection).toEqual(of('c'));
    deps = {
      ...deps,
      assertServed: async () => {
        throw new RatchetError('NotFound', 'gone');
      },
    };
    await expect(select('d')).rejects.toMatchObject({ code: 'NotFound' });
    expect(await ledger()).toEqual(['promote a applied', 'promote c applied']);
  });

  test('of many at once one wins, the others get Conflict, and file and ledger agree', async () => {
    await select('first');
    const names = ['a', 'b', 'c', 'd', 'e'];
    const results = await Promise.allSettled(names.map((name) => select(name, { expectedOpponent: 'ollama/first' })));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'Conflict' });
    const head = await store.models.head();
    expect(head?.state).toBe('applied');
    expect(await selected()).toBe(head && selectionRef(head.selection));
    expect(await ledger()).toHaveLength(2);
  });
});

describe('after a crash', () => {
  test('before the line was written nothing has happened', async () => {
    await select('a');
    const crash = promote(dyingAt('appendPromotion', false), { target: { selection: of('b') }, actor: 'anna' });
    await expect(crash).rejects.toThrow('killed');
    await reconcile(deps);
    expect([await selected(), await ledger()]).toEqual(['ollama/a', ['promote a applied']]);
  });

  test.each([
    ['with the line pending and the file as before', dyingAt.bind(null, 'appendPromotion', true)],
    ['with the file written and the line pending', dyingAt.bind(null, 'settlePromotion', false)],
    ['with everything done', dyingAt.bind(null, 'settlePromotion', true)],
  ])('%s it is rolled forward', async (_name, dying) => {
    await select('a');
    const crash = promote(dying(), { target: { selection: of('b') }, actor: 'anna' });
    await expect(crash).rejects.toThrow('killed');
    expect((await reconcile(deps))?.selection).toEqual(of('b'));
    expect([await selected(), await ledger()]).toEqual(['ollama/b', ['promote a applied', 'promote b applied']]);
  });

  test('the very first promotion is rolled forward too', async () => {
    const crash = promote(dyingAt('appendPromotion', true), { target: { selection: of('b') }, actor: 'anna' });
    await expect(crash).rejects.toThrow('killed');
    await reconcile(deps);
    expect([await selected(), await ledger()]).toEqual(['ollama/b', ['promote b applied']]);
  });

  test('a file that was edited since stays, and the pending line is abandoned', async () => {
    await select('a');
    const crash = promote(dyingAt('appendPromotion', true), { target: { selection: of('b') }, actor: 'anna' });
    await expect(crash).rejects.toThrow('killed');
    await writeSelection(deps.selectionFile, of('mine'));
    await reconcile(deps);
    expect(await selected()).toBe('ollama/mine');
    expect(await ledger()).toEqual(['promote a applied', 'promote b abandoned', 'outside_edit mine applied']);
    await select('c');
    expect(await selected()).toBe('ollama/c');
  });
});

describe('reconcile', () => {
  test('nothing selected is nothing', async () => {
    expect(await reconcile(deps)).toBeNull();
    expect(await ledger()).toEqual([]);
  });

  test('a first file becomes a line once, and is left as it is, key and all', async () => {
    const text = '{"provider":"litellm","model":"gpt-4o-mini","api_key":"secret"}';
    await writeFile(deps.selectionFile, text);
    await reconcile(deps);
    await reconcile(deps);
    expect(await ledger()).toEqual(['first gpt-4o-mini applied']);
    expect(await readFile(deps.selectionFile, 'utf8')).toBe(text);
    expect(JSON.stringify(await store.models.promotions({ limit: 10 }))).not.toContain('secret');
  });

  test('an outside edit becomes a line, and a lost file is written again', async () => {
    await select('a');
    await writeSelection(deps.selectionFile, of('b'));
    await reconcile(deps);
    await rm(deps.selectionFile);
    await reconcile(deps);
    expect(await selected()).toBe('ollama/b');
    expect(await ledger()).toEqual(['promote a applied', 'outside_edit b applied']);
  });

  test('a torn file stops everything with what to do', async () => {
    await select('a');
    await writeFile(deps.selectionFile, '{"provider":');
    await expect(select('b')).rejects.toMatchObject({ code: 'InvalidInput' });
    expect(await ledger()).toEqual(['promote a applied']);
  });
});

describe('rollback', () => {
  test('goes back one selection a time, never to and fro', async () => {
    for (const name of ['a', 'b', 'c']) await select(name);
    const back = async () => {
      await rollback(deps, { actor: 'anna' });
      return selected();
    };
    expect([await back(), await back()]).toEqual(['ollama/b', 'ollama/a']);
    await expect(rollback(deps, { actor: 'anna' })).rejects.toMatchObject({ code: 'Conflict' });
    await select('d');
    expect(await back()).toBe('ollama/a');
    expect((await ledger()).at(-1)).toBe('rollback a applied');
  });

  test('undoes an outside edit', async () => {
    await select('a');
    await writeSelection(deps.selectionFile, of('b'));
    await rollback(deps, { actor: 'anna' });
    expect(await selected()).toBe('ollama/a');
  });
});
