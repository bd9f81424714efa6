import { expect, test } from 'vitest';
import { chat, user } from './chat-samples.ts';
import { type NewInstallation, withDatabase } from './installation.ts';

/** What every store owes to what bases answered. */
export function replaySuite(install: NewInstallation): void {
  test('what a base answered is known to every process by what it was asked, and nobody is asked twice', async () => {
    const installation = await install();
    const { replay } = await installation.open();
    expect(await replay.find(['a', 'b'])).toEqual(new Map());
    await replay.keep('a', { text: 'one \u0000 ·', cutOff: false }, null);
    await replay.keep('b', { text: '', cutOff: true }, null);
    await replay.keep('a', { text: 'two', cutOff: true }, null);
    const other = (await installation.open()).replay;
    const many = Array.from({ length: 1200 }, (_, at) => `none ${at}`);
    expect(await other.find(['b', ...many, 'a'])).toEqual(
      new Map([
        ['a', { text: 'one \u0000 ·', cutOff: false }],
        ['b', { text: '', cutOff: true }],
      ]),
    );
    // Not even whoever reads the table can tell what was asked.
    await withDatabase(installation, ({ build }) =>
      build.deleteFrom('replay_answer').where('request', 'in', ['a', 'b']),
    );
    expect((await other.find(['a', 'b'])).size).toBe(2);
  });

  test('an answer to the prompt of a chat goes with it, and does not come back', async () => {
    const store = await (await install()).open();
    const { chats, replay } = store;
    const [gone, kept] = [await chat(store, [user('a')], 'b'), await chat(store, [user('c')], 'd')];
    await replay.keep('gone', { text: 'x', cutOff: false }, gone.id);
    await replay.keep('kept', { text: 'y', cutOff: false }, kept.id);
    await replay.keep('unknown', { text: 'z', cutOff: false }, 'nobody');
    await chats.erase({ completionId: gone.id });
    await replay.keep('gone', { text: 'x', cutOff: false }, gone.id);
    expect([...(await replay.find(['gone', 'kept', 'unknown'])).keys()]).toEqual(['kept']);
  });

  test('a row of a version may have nobody behind it, or nothing but a prompt of somebody', async () => {
    const { datasets } = await (await install()).open();
    const split = { rows: 1, digest: 'x', bytes: 2 };
    const splits = { train: split, val: split, test: split };
    const facts = { recipe: 'r', collection: 'c', splits, signals: {}, stages: [] };
    const manifest = { schema: 2 as const, name: 'x', digest: 'd', ...facts };
    const row = { rowId: 'replay.1', split: 'train' as const, completionId: null, choice: null };
    const anchored = { ...row, rowId: 'replay.2', completionId: 'c1' };
    await datasets.register({ digest: 'd', name: 'x', manifest, cycleId: null }, [row, anchored]);
    expect(await datasets.row('d', 'replay.1')).toEqual([row]);
    expect(await datasets.row('d', 'replay.2')).toEqual([anchored]);
    expect(await datasets.rowsWith('d', new Set(['c1', 'c2']))).toEqual([anchored]);
    expect(await datasets.versionsWith('c1')).toEqual([{ digest: 'd', split: 'train', rowId: 'replay.2' }]);
  });
}
