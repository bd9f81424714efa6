import { deepStrictEqual } from 'node:assert';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { WireMessage } from '../../src/core/message.ts';
import type { Store } from '../../src/store/types.ts';
import { assistant, chat, choice, outcome, request, user } from './chat-samples.ts';
import { type NewInstallation, ageChats } from './installation.ts';
import { indexAll } from './reading.suite.ts';

const secret = 'zyxomander quillonix verbatium';
const secretWords = secret.split(' ');

/** Erasing, and that nothing else is touched by it. */
export function erasingSuite(install: NewInstallation): void {
  test('what was said is in no file afterwards, not as text and not as words of the index', async () => {
    const installation = await install();
    const store = await installation.open();
    // Enough around it that pages are split, moved and joined.
    const around = async (from: number) => {
      for (let at = from; at < from + 40; at += 1) {
        await chat(store, [user(`ordinary question ${at} ${'and so on '.repeat(at)}`)], `ordinary answer ${at}`);
      }
    };
    await around(0);
    const ids = await writeSecrets(store);
    await around(40);
    await indexAll(store);
    await writeSecrets(store);
    expect((await store.chats.list({ search: 'quillonix' }, { limit: 9 })).items.length).toBeGreaterThan(0);
    if (store.kind === 'sqlite') expect(await filesWith(installation.dataDir)).not.toEqual([]);
    for (const id of ids.slice(0, 1))
      expect(await store.chats.erase({ completionId: id })).toMatchObject({ completions: 1 });
    const report = await store.chats.erase({ owner: 'secretive' });
    expect(report).toEqual({ completions: 2 * ids.length - 1, open: 0, datasets: [] });
    // PostgreSQL's files are its server's.
    if (store.kind === 'sqlite') expect(await filesWith(installation.dataDir)).toEqual([]);
    for (const word of secretWords) {
      expect((await store.chats.list({ search: word }, { limit: 9 })).items).toEqual([]);
    }
    expect((await store.chats.list({ owner: 'ada' }, { limit: 100 })).items).toHaveLength(80);
    expect((await store.chats.list({ search: 'ordinary' }, { limit: 100 })).items).toHaveLength(40 + 40);
    await store.check();
  });

  test('a chat that is indexed at the very moment when it is erased leaves no words behind', async () => {
    const installation = await install();
    const store = await installation.open();
    for (let round = 0; round < 30; round += 1) {
      await Promise.all(secretWords.map((word) => chat(store, [user(`${word} asked`)], `${word} said`)));
      await Promise.all([store.chats.indexNext(10), store.chats.erase({ before: Date.now() + 1_000 })]);
    }
    await store.chats.erase({ before: Date.now() + 1_000 });
    if (store.kind === 'sqlite') expect(await filesWith(installation.dataDir)).toEqual([]);
    await store.check();
  });

  test('whoever reads while chats are erased sees each whole, or erased', async () => {
    const store = await (await install()).open();
    for (let round = 0; round < 20; round += 1) {
      const ids = [];
      for (let at = 0; at < 4; at += 1) ids.push((await chat(store, [user(`q ${round} ${at}`)], 'a')).id);
      const [, page, conversations, ...records] = await Promise.all([
        store.chats.erase({ before: Date.now() + 1_000 }),
        store.chats.list({}, { limit: 4 }),
        store.chats.conversations({}, { limit: 4 }),
        ...ids.map((id) => store.chats.get(id)),
      ]);
      expect(conversations.items).toHaveLength(4);
      for (const record of [...page.items, ...records]) {
        expect(record?.messages).toHaveLength(record?.erasedAt === null ? 1 : 0);
        expect(record?.choices).toHaveLength(record?.erasedAt === null ? 1 : 0);
      }
    }
  });

  test('figures, ratings and the place in the conversation stay; erasing again does nothing', async () => {
    const store = await (await install()).open();
    const [first = ''] = await writeSecrets(store);
    const before = await store.chats.get(first);
    await store.chats.erase({ completionId: first });
    const after = await store.chats.get(first);
    expect(after).toMatchObject({
      id: first,
      conversationId: before?.conversationId,
      state: 'complete',
      promptTokens: 3,
      completionTokens: 5,
      costNanos: 12,
      createdAt: before?.createdAt,
      finishedAt: before?.finishedAt,
      messages: [],
      choices: [],
      envelope: {},
      response: null,
      node: null,
    });
    expect(after?.erasedAt).toBeGreaterThan(0);
    const [event] = await store.feedback.ofCompletions([first]);
    expect(event).toMatchObject({ rating: -1, score: 0.5 });
    expect(JSON.stringify(event)).not.toMatch(/zyxomander|quillonix/);
    expect(await store.chats.erase({ completionId: first })).toEqual({ completions: 0, open: 0, datasets: [] });
    expect(await store.chats.erase({ completionId: 'nobody' })).toMatchObject({ completions: 0 });
  });

  test.each(['just now', 'long ago'])(
    'messages that another chat needs stay, deep-equal; it ended %s',
    async (when) => {
      const installation = await install();
      const store = await installation.open();
      const opening = [{ role: 'system', content: 'shared' }, user('shared question')];
      const first = await chat(store, opening, 'shared answer');
      const equal = await chat(store, opening, 'shared answer');
      const longer = [...opening, assistant('shared answer'), user('only here')];
      const second = await chat(store, longer, 'last');
      const other = await chat(store, [...opening, assistant('shared answer'), user('elsewhere')], 'last');
      const failed = await store.chats.begin(request([...longer, assistant('last'), user('no answer')]));
      await store.chats.finish(failed.id, outcome([], { state: 'failed' }));
      const retried = await chat(store, [...longer, assistant('last'), user('no answer')], 'at last');
      if (when === 'long ago') await ageChats(installation);
      await store.chats.erase({ completionId: retried.id });
      expect((await store.chats.get(failed.id))?.messages).toHaveLength(6);
      await store.chats.erase({ completionId: failed.id });
      const kept = [equal.id, other.id];
      const before = await Promise.all(kept.map((id) => store.chats.get(id)));
      await store.chats.erase({ completionId: second.id });
      await store.chats.erase({ completionId: first.id });
      deepStrictEqual(await Promise.all(kept.map((id) => store.chats.get(id))), before);
      await store.chats.erase({ completionId: other.id });
      deepStrictEqual(await store.chats.get(equal.id), before[0]);
      // The one that is left can be gone on with, and a new chat with the same words is whole.
      const again = await chat(store, longer, 'last');
      expect((await store.chats.get(again.id))?.messages).toEqual(longer);
    },
  );

  test('of completions without messages, such as continued texts, each keeps its own answer', async () => {
    const store = await (await install()).open();
    const ids: string[] = [];
    for (let at = 0; at < 3; at += 1) ids.push((await chat(store, [], 'equal text', { kind: 'text' })).id);
    await store.chats.erase({ completionId: ids[0] ?? '' });
    expect((await store.chats.get(ids[1] ?? ''))?.choices[0]?.message.content).toBe('equal text');
    await store.chats.erase({ completionId: ids[1] ?? '' });
    expect((await store.chats.get(ids[2] ?? ''))?.choices[0]?.message.content).toBe('equal text');
  });

  test('by conversation, by owner, by age; what is open stays and is told', async () => {
    const store = await (await install()).open();
    const one = await chat(store, [user('a')], 'b');
    await chat(store, [user('a'), assistant('b'), user('c')], 'd');
    const two = await chat(store, [user('x')], 'y');
    await nextMillisecond();
    const open = await store.chats.begin(request([user('a'), assistant('b'), user('open')]));
    await expect(store.chats.erase({})).rejects.toMatchObject({ code: 'InvalidInput' });
    expect(await store.chats.erase({ conversationId: one.conversationId, owner: 'bob' })).toMatchObject({
      completions: 0,
    });
    expect(await store.chats.erase({ conversationId: one.conversationId })).toMatchObject({ completions: 2, open: 1 });
    expect((await store.chats.get(open.id))?.messages).toHaveLength(3);
    await store.chats.finish(open.id, outcome([choice(assistant('done'))]));
    const cut = (await store.chats.get(two.id))?.createdAt ?? 0;
    expect(await store.chats.erase({ before: cut })).toMatchObject({ completions: 0 });
    expect(await store.chats.erase({ before: cut + 1 })).toMatchObject({ completions: 1 });
    expect((await store.chats.get(open.id))?.messages).toHaveLength(3);
    expect(await store.chats.erase({ before: Date.now() + 60_000 })).toMatchObject({ completions: 1, open: 0 });
  });

  test('dataset versions that hold an erased chat are named', async () => {
    const store = await (await install()).open();
    const { id } = await chat(store, [user('a')], 'b');
    const manifest = {} as Parameters<Store['datasets']['register']>[0]['manifest'];
    for (const digest of ['d2', 'd1']) {
      await store.datasets.register({ digest, name: 'x', manifest, cycleId: null }, [
        { rowId: 'r', split: 'train', completionId: id, choice: 0 },
      ]);
    }
    expect(await store.chats.erase({ completionId: id })).toEqual({ completions: 1, open: 0, datasets: ['d1', 'd2'] });
  });

  test('chats that go on while their beginning is erased are whole', async () => {
    const store = await (await install()).open();
    const history: WireMessage[] = [user('q')];
    const ids: string[] = [];
    for (let turn = 0; turn < 12; turn += 1) {
      const erasing = ids.length > 0 ? store.chats.erase({ completionId: ids.at(-1) ?? '' }) : Promise.resolve(null);
      const begun = await store.chats.begin(request([...history, user(`turn ${turn}`)]));
      const [, open] = await Promise.all([erasing, store.chats.get(begun.id)]);
      expect(open?.messages).toEqual([...history, user(`turn ${turn}`)]);
      await store.chats.finish(begun.id, outcome([choice(assistant(`answer ${turn}`))]));
      history.push(user(`turn ${turn}`), assistant(`answer ${turn}`));
      ids.push(begun.id);
      expect((await store.chats.get(begun.id))?.messages).toHaveLength(history.length - 1);
    }
    const last = ids.pop() ?? '';
    for (const id of ids) expect((await store.chats.get(id))?.messages).toEqual([]);
    expect((await store.chats.get(last))?.messages).toEqual(history.slice(0, -1));
  });
}

/** Until what is made gets another time. */
async function nextMillisecond(): Promise<void> {
  for (const now = Date.now(); Date.now() === now; ) await sleep(1);
}

/** Three chats of one owner with the secret in every place that holds text; gives their ids. */
async function writeSecrets(store: Store): Promise<string[]> {
  const more = { owner: 'secretive', envelope: { user: secret, tools: [{ name: secret }] } };
  const call = { id: 'c', type: 'function', function: { name: 'f', arguments: JSON.stringify({ of: secret }) } };
  const first = await store.chats.begin(request([{ role: 'system', content: secret }, user(`tell ${secret}`)], more));
  await store.chats.progress(first.id, [choice(assistant(`draft of ${secret} ${'long '.repeat(2000)}`))], 1);
  await store.chats.finish(
    first.id,
    outcome([choice(assistant(`said ${secret}`, { reasoning_content: secret })), choice(assistant('x'), 1)], {
      response: { note: secret },
      costNanos: 12,
    }),
  );
  const asked = [
    { role: 'system', content: secret },
    user(`tell ${secret}`),
    assistant(`said ${secret}`),
    user('more'),
  ];
  const second = await store.chats.begin(request(asked, more));
  await store.chats.finish(second.id, outcome([choice({ role: 'assistant', content: null, tool_calls: [call] })]));
  const failed = await store.chats.begin(request([user(`fail ${secret}`)], more));
  const error = { code: 'ProviderRejected' as const, message: `bad: ${secret}`, status: 400 };
  await store.chats.finish(failed.id, outcome([], { state: 'failed', error, response: null }));
  await store.feedback.add({
    completionId: first.id,
    choice: 0,
    rater: 'secretive',
    rating: -1,
    score: 0.5,
    comment: `not ${secret}`,
    correction: assistant(`rather ${secret}`),
    tags: ['quillonix'],
    key: `verbatium ${first.id}`,
    source: 'api',
  });
  return [first.id, second.id, failed.id];
}

/** Files of a folder that hold one of the secret's words. */
async function filesWith(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries.filter((each) => each.isFile())) {
    const bytes = await readFile(join(entry.parentPath, entry.name));
    const text = bytes.toString('latin1').toLowerCase();
    // The index keeps words without the beginning that they share with the word before.
    if (secretWords.some((word) => text.includes(word) || text.includes(word.slice(3)))) found.push(entry.name);
  }
  return found;
}
