import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { DatasetManifest } from '../../src/core/dataset.ts';
import type { NewModelVersion } from '../../src/store/types.ts';
import { assistant, chat, user } from './chat-samples.ts';
import type { NewInstallation } from './installation.ts';

/** What every store owes to forgetting. */
export function forgottenSuite(install: NewInstallation): void {
  test('what is to be forgotten is known until it is done, and a rater afterwards by no name', async () => {
    const installation = await install();
    const store = await installation.open();
    const { forgotten } = store;
    expect(await forgotten.open()).toEqual([]);
    const intent = { actor: 'root', now: false, completions: ['c1', 'c2'], feedback: [] };
    const first = await forgotten.begin({ ...intent, kind: 'conversation', subject: 'talk' });
    expect(first).toMatchObject({ kind: 'conversation', subject: 'talk', state: 'files', now: false, report: null });
    const again = { ...intent, kind: 'conversation' as const, subject: 'talk', completions: ['c3'], now: true };
    expect(await forgotten.begin(again)).toEqual({ ...first, now: true });
    const rater = await forgotten.begin({
      ...intent,
      kind: 'rater',
      subject: 'quillonix',
      completions: [],
      feedback: ['f1'],
    });
    expect((await forgotten.open()).map(({ id }) => id)).toEqual([first.id, rater.id]);
    expect([...(await forgotten.ids('completion'))].sort()).toEqual(['c1', 'c2', 'c3']);
    expect([...(await forgotten.ids('feedback'))]).toEqual(['f1']);

    await forgotten.advance(rater.id, { state: 'record', report: { rows: 2 } });
    expect((await forgotten.open()).at(-1)).toMatchObject({
      subject: 'quillonix',
      state: 'record',
      report: { rows: 2 },
    });
    await forgotten.advance(rater.id, { state: 'done' });
    await forgotten.advance(first.id, { state: 'done' });
    expect(await forgotten.open()).toEqual([]);
    const [last, before] = await forgotten.all();
    expect(last).toMatchObject({ id: rater.id, subject: null, state: 'done', report: { rows: 2 } });
    expect(before).toMatchObject({ id: first.id, subject: 'talk' });
    expect(last?.finishedAt).toBeGreaterThan(0);
    if (store.kind === 'sqlite') {
      for (const file of ['ratchet.db', 'ratchet.db-wal']) {
        expect((await readFile(join(installation.dataDir, file))).includes('quillonix')).toBe(false);
      }
    }
    // The same again is another forgetting.
    expect((await forgotten.begin({ ...intent, kind: 'conversation', subject: 'talk' })).id).not.toBe(first.id);
    await expect(forgotten.advance('nobody', { state: 'done' })).rejects.toMatchObject({ code: 'NotFound' });
  });

  test('tombstones keep every node that they were ever joined with', async () => {
    const { forgotten } = await (await install()).open();
    await forgotten.addNodes([
      { node: 'b', joined: ['x', 'a'] },
      { node: 'a', joined: [] },
    ]);
    await forgotten.addNodes([{ node: 'b', joined: ['c', 'x'] }]);
    expect(await forgotten.list()).toEqual([
      { node: 'a', joined: [] },
      { node: 'b', joined: ['a', 'c', 'x'] },
    ]);
    const many = Array.from({ length: 450 }, (_, at) => ({ node: `n${at}`, joined: [`m${at}`] }));
    await forgotten.addNodes(many);
    expect(await forgotten.list()).toHaveLength(452);
  });

  test('a rater is taken away with everything that they said, and what they took back stays taken back', async () => {
    const installation = await install();
    const store = await installation.open();
    const answers = [await chat(store, [user('a')], 'b'), await chat(store, [user('c')], 'd')];
    const [alone = '', shared = ''] = answers.map(({ id }) => id);
    const say = (completionId: string, rater: string, more: object) =>
      store.feedback.add({ completionId, choice: 0, rater, source: 'api', ...more });
    await say(alone, 'ada', { rating: 1, comment: 'zyxomander', tags: ['quillonix'], key: 'verbatium' });
    await say(shared, 'ada', { rating: -1, correction: assistant('zyxomander too') });
    const kept = await say(shared, 'bob', { rating: 1 });
    const undone = await say(shared, 'cleo', { rating: -1 });
    const undo = await say(shared, 'ada', { undoes: undone.id, key: 'undo it' });
    await store.signals.add({ completionId: alone, choice: 0, kind: 'copied', owner: 'ada', source: 'api' });
    expect((await store.forgotten.saidBy('ada')).map(({ completionId }) => completionId)).toEqual([
      alone,
      shared,
      shared,
    ]);

    await store.forgotten.removeRater('ada', 'forgotten-1');
    await store.forgotten.removeRater('ada', 'forgotten-1');
    expect(await store.forgotten.saidBy('ada')).toEqual([]);
    expect(await store.feedback.ofCompletions([alone, shared])).toEqual([
      kept,
      undone,
      {
        id: undo.id,
        completionId: shared,
        choice: 0,
        rater: 'forgotten-1',
        source: 'api',
        undoes: undone.id,
        createdAt: undo.createdAt,
      },
    ]);
    expect(await store.signals.ofCompletions([alone])).toEqual([]);
    // Nothing is said of the one any more, so that it is to be rated again; of the other somebody has to look.
    expect((await store.chats.list({ rated: true }, { limit: 9 })).items.map(({ id }) => id)).toEqual([shared]);
    expect((await store.review.untouched({}, { limit: 9 })).items.map((item) => item.completionId)).toEqual([alone]);
    expect(await store.review.unsettled(9)).toMatchObject([{ completionId: shared, events: 3 }]);
    if (store.kind === 'sqlite') {
      for (const file of ['ratchet.db', 'ratchet.db-wal']) {
        const bytes = (await readFile(join(installation.dataDir, file))).toString('latin1');
        for (const word of ['zyxomander', 'quillonix', 'verbatium']) expect(bytes).not.toContain(word);
      }
    }
  });

  test('completions elsewhere that go on from an answer are found; those with an answer of their own are not', async () => {
    const store = await (await install()).open();
    const places = await Promise.all(
      Array.from({ length: 6 }, (_, at) => store.comparisons.openConversation(at === 5 ? 'bob' : 'ada')),
    );
    const [one = '', two = '', three = '', four = '', five = '', six = ''] = places;
    const opening = [user('what is a harbour')];
    const history = [...opening, assistant('a place for ships'), user('and a pier')];
    const first = await chat(store, opening, 'a place for ships', { conversationId: one });
    const deeper = [...history, assistant('a place to walk'), user('and a quay')];
    const elsewhere = await chat(store, history, 'a place to walk', { conversationId: two });
    const further = await chat(store, deeper, 'a wall', { conversationId: three });
    await chat(store, opening, 'something else', { conversationId: four });
    // It was told the same, and goes on from there.
    await chat(store, opening, 'a place for ships', { conversationId: five });
    await chat(store, history, 'its own', { conversationId: five });
    await chat(store, history, 'of another owner', { conversationId: six, owner: 'bob' });
    const found = await store.forgotten.continuationsOf(one);
    expect(found).toEqual([
      { completionId: elsewhere.id, conversationId: two, owner: 'ada' },
      { completionId: further.id, conversationId: three, owner: 'ada' },
    ]);
    expect(first.conversationId).toBe(one);
    expect(await store.forgotten.continuationsOf('nobody')).toEqual([]);
  });

  test('texts of failures are rewritten in the record of cycles, and nothing else there', async () => {
    const store = await (await install()).open();
    const { cycles } = store;
    await cycles.create({ id: 'c', base: 'b', name: 'n', recipe: 'r' });
    const message = 'Ollama said: zyxomander is no model.';
    await cycles.beginStep('c', 'evaluate', 'k');
    await cycles.endStep('k', { state: 'failed', error: { code: 'ProviderRejected', message } });
    const attention = { step: 'evaluate' as const, code: 'ProviderRejected' as const, message, advice: 'Look.' };
    await cycles.update('c', { state: 'needs_attention', attention });
    expect(await store.forgotten.rewriteFailures((text) => text)).toBe(0);
    expect(await store.forgotten.rewriteFailures((text) => text.replace('zyxomander', '-'))).toBe(2);
    expect((await cycles.get('c'))?.attention).toEqual({ ...attention, message: 'Ollama said: - is no model.' });
    expect((await cycles.stepByKey('k'))?.error).toEqual({
      code: 'ProviderRejected',
      message: 'Ollama said: - is no model.',
    });
  });

  test('a dataset version that lost rows makes stale what was trained from it, whenever that is registered', async () => {
    const store = await (await install()).open();
    const register = (digest: string) =>
      store.datasets.register({ digest, name: 'x', manifest: manifestOf(digest), cycleId: null }, [
        { rowId: `${digest} row`, split: 'train', completionId: 'c1', choice: 0 },
      ]);
    await register('d1');
    await register('d2');
    const early = await store.models.register(versionOf('d1', 'ollama/early'));
    const other = await store.models.register(versionOf('d2', 'ollama/other'));
    expect(early).toMatchObject({ stale: null, deletedAt: null });
    expect(await store.datasets.rowsWith('d1', new Set(['c1', 'c2']))).toHaveLength(1);
    await store.datasets.redact('d1');
    expect(await store.datasets.get('d1')).toMatchObject({ redacted: { rows: 0 } });
    const since = (await store.datasets.get('d1'))?.redacted?.since;
    const manifest = { ...manifestOf('d1'), redacted: { rows: 1 } };
    await store.datasets.redact('d1', { rows: 1, manifest });
    expect(await store.datasets.get('d1')).toMatchObject({ manifest, redacted: { rows: 1, since } });
    expect((await store.datasets.list({ limit: 9 })).items.map(({ redacted }) => redacted?.rows)).toEqual([
      undefined,
      1,
    ]);
    // Registering it again changes nothing.
    await register('d1');
    expect(await store.datasets.get('d1')).toMatchObject({ manifest, redacted: { rows: 1, since } });

    const late = await store.models.register(versionOf('d1', 'ollama/late'));
    expect(late.stale).toEqual({ rows: 1, since });
    expect((await store.models.stale()).map(({ id }) => id)).toEqual([early.id, late.id]);
    expect((await store.models.get(other.id))?.stale).toBeNull();
    await store.models.noteDeleted(early.id);
    const deletedAt = (await store.models.get(early.id))?.deletedAt;
    await store.models.noteDeleted(early.id);
    expect(await store.models.byServed('ollama/early')).toMatchObject({ deletedAt, stale: { rows: 1 } });
    expect((await store.models.stale()).map(({ id }) => id)).toEqual([late.id]);
    await store.models.noteServed(early.id, 's2');
    expect(await store.models.get(early.id)).toMatchObject({ servedDigest: 's2', served: early.served });
    await expect(store.models.noteServed('nobody', 's2')).rejects.toMatchObject({ code: 'NotFound' });
    await expect(store.models.noteDeleted('nobody')).rejects.toMatchObject({ code: 'NotFound' });
    await expect(store.datasets.redact('d9')).rejects.toMatchObject({ code: 'NotFound' });
  });
}

function versionOf(dataset: string, served: string): NewModelVersion {
  return {
    name: 'x',
    base: 'tiny',
    dataset,
    recipe: 'r1',
    adapterDigest: served,
    served,
    servedDigest: 's1',
    cycleId: 'c1',
    metrics: {},
  };
}

function manifestOf(digest: string): DatasetManifest {
  const split = { rows: 1, digest: 'x', bytes: 2 };
  const figures = { recipe: 'r', collection: 'c', splits: { train: split, val: split, test: split } };
  return { schema: 1, name: 'x', digest, ...figures, signals: {}, stages: [] };
}
