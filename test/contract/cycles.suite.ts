import { expect, test } from 'vitest';
import { uuidv7 } from '../../src/store/ids.ts';
import type { Store } from '../../src/store/types.ts';
import type { NewInstallation } from './installation.ts';

/** What every store owes to cycles, their steps, and the line for a base. */
export function cycleSuite(install: NewInstallation): void {
  test('a cycle is made once and changes field by field', async () => {
    const store = await (await install()).open();
    const cycle = { id: uuidv7(), base: 'tiny', name: 'support', recipe: 'r1' };
    const made = await store.cycles.create(cycle);
    expect(made).toMatchObject({ ...cycle, state: 'queued', step: null, firstRecipe: 'r1', attention: null });
    const attention = { step: 'train', code: 'OutOfMemory', message: 'too big\u0000', advice: 'smaller' } as const;
    await store.cycles.update(cycle.id, {
      state: 'needs_attention',
      step: 'train',
      recipe: 'r2',
      attention,
      startedAt: 5,
    });
    expect(await store.cycles.create(cycle)).toMatchObject({
      recipe: 'r2',
      firstRecipe: 'r1',
      attention,
      startedAt: 5,
    });
    await store.cycles.update(cycle.id, { attention: null, step: null, result: { promoted: true }, finishedAt: 9 });
    expect(await store.cycles.get(cycle.id)).toMatchObject({
      state: 'needs_attention',
      attention: null,
      step: null,
      result: { promoted: true },
      finishedAt: 9,
    });
    await expect(store.cycles.create({ ...cycle, base: 'other' })).rejects.toMatchObject({ code: 'Conflict' });
    await expect(store.cycles.update('nobody', { state: 'aborted' })).rejects.toMatchObject({ code: 'NotFound' });
    expect(await store.cycles.get('nobody')).toBeNull();
  });

  test('cycles are listed by state and base, page by page', async () => {
    const store = await (await install()).open();
    const ids = [uuidv7(), uuidv7(), uuidv7()];
    for (const [n, id] of ids.entries()) {
      await store.cycles.create({ id, base: n === 2 ? 'other' : 'tiny', name: 'n', recipe: 'r' });
    }
    await store.cycles.update(ids[1] ?? '', { state: 'running' });
    const listed = async (filter: Parameters<Store['cycles']['list']>[0]) =>
      (await store.cycles.list(filter, { limit: 10 })).items.map(({ id }) => ids.indexOf(id));
    expect(await listed({})).toEqual([2, 1, 0]);
    expect(await listed({ base: 'tiny' })).toEqual([1, 0]);
    expect(await listed({ states: ['running', 'aborted'] })).toEqual([1]);
    expect(await listed({ states: [] })).toEqual([]);
    const page = await store.cycles.list({}, { limit: 2 });
    const rest = await store.cycles.list({}, { limit: 2, ...(page.next && { cursor: page.next }) });
    expect([...page.items, ...rest.items].map(({ id }) => ids.indexOf(id))).toEqual([2, 1, 0]);
    expect(rest.next).toBeNull();
  });

  test('a step call keeps its key through attempts', async () => {
    const store = await (await install()).open();
    const id = await newCycle(store);
    expect(await store.cycles.beginStep(id, 'train', 'k1')).toMatchObject({
      attempt: 1,
      state: 'running',
      output: null,
    });
    await store.cycles.endStep('k1', { state: 'failed', error: { code: 'Stalled', message: 'hung' } });
    expect(await store.cycles.stepByKey('k1')).toMatchObject({ state: 'failed', error: { code: 'Stalled' } });
    expect(await store.cycles.beginStep(id, 'train', 'k1')).toMatchObject({
      attempt: 2,
      state: 'running',
      error: null,
    });
    await store.cycles.endStep('k1', { state: 'done', output: { steps: 3, none: null } });
    expect(await store.cycles.stepByKey('k1')).toMatchObject({
      attempt: 2,
      state: 'done',
      output: { steps: 3, none: null },
    });
    expect(await store.cycles.stepByKey('k2')).toBeNull();
    await expect(store.cycles.endStep('k2', { state: 'done' })).rejects.toMatchObject({ code: 'NotFound' });
    await expect(store.cycles.beginStep('nobody', 'train', 'k3')).rejects.toMatchObject({ code: 'NotFound' });
  });

  test('a re-run of a step voids what came after it', async () => {
    const store = await (await install()).open();
    const id = await newCycle(store);
    for (const step of ['collect', 'build', 'train', 'validate'] as const) await run(store, id, step, `${step} 1`);
    expect(await store.cycles.finishedOutputs(id)).toEqual({
      collect: 'collect 1',
      build: 'build 1',
      train: 'train 1',
      validate: 'validate 1',
    });
    await store.cycles.beginStep(id, 'build', 'build 2');
    expect(await store.cycles.finishedOutputs(id)).toEqual({ collect: 'collect 1', build: 'build 1' });
    await store.cycles.endStep('build 2', { state: 'done', output: 'build 2' });
    await run(store, id, 'train', 'train 2');
    expect(await store.cycles.finishedOutputs(id)).toEqual({
      collect: 'collect 1',
      build: 'build 2',
      train: 'train 2',
    });
    // Validation was skipped.
    await run(store, id, 'import', 'import 2');
    expect(Object.keys(await store.cycles.finishedOutputs(id))).toEqual(['collect', 'build', 'train', 'import']);
    expect((await store.cycles.stepsOf(id)).map(({ key }) => key)).toEqual([
      'collect 1',
      'build 1',
      'train 1',
      'validate 1',
      'build 2',
      'train 2',
      'import 2',
    ]);
  });

  test('the turn goes down the line', async () => {
    const store = await (await install()).open();
    const { cycles } = store;
    for (const id of ['a', 'b', 'c', 'a']) await cycles.enqueue('tiny', id);
    await cycles.enqueue('other', 'b');
    expect(await cycles.takeTurn('tiny', 'b')).toBe(false);
    expect(await cycles.takeTurn('tiny', 'a')).toBe(true);
    expect(await cycles.takeTurn('tiny', 'a')).toBe(true);
    expect(await cycles.takeTurn('other', 'b')).toBe(true);
    expect(await cycles.takeTurn('tiny', 'nobody')).toBe(false);
    const line = async () => (await cycles.line('tiny')).map(({ cycleId, held }) => `${cycleId}${held ? '!' : ''}`);
    expect(await line()).toEqual(['a!', 'b', 'c']);
    await cycles.releaseTurn('tiny', 'b');
    await cycles.releaseTurn('tiny', 'a');
    await cycles.releaseTurn('tiny', 'a');
    expect(await line()).toEqual(['c']);
    await cycles.enqueue('tiny', 'a');
    expect(await cycles.takeTurn('tiny', 'a')).toBe(false);
    expect(await cycles.takeTurn('tiny', 'c')).toBe(true);
    expect(await line()).toEqual(['c!', 'a']);
  });
}

async function newCycle(store: Store): Promise<string> {
  const id = uuidv7();
  await store.cycles.create({ id, base: 'tiny', name: 'n', recipe: 'r' });
  return id;
}

async function run(store: Store, id: string, step: Parameters<Store['cycles']['beginStep']>[1], key: string) {
  await store.cycles.beginStep(id, step, key);
  await store.cycles.endStep(key, { state: 'done', output: key });
}
