import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { CompletionRecord, Store } from '../../src/store/types.ts';
import { assistant, chat, choice, outcome, request, user } from './chat-samples.ts';
import { runChild } from './fixtures/child.ts';
import { type NewInstallation, lapseLeases } from './installation.ts';

const journaled = { journaled: true };

/** Requests and outcomes that may stand in a journal before they stand in the tables: one must not be able to tell. */
export function journaledSuite(install: NewInstallation): void {
  /** A store whose journal, where it has one, takes what comes. */
  const opened = async (): Promise<Store> => {
    const store = await (await install()).open();
    await warmUp(store);
    return store;
  };
  const recordOf = async (store: Store, id: string): Promise<CompletionRecord> => {
    const record = await store.chats.get(id);
    if (!record) throw new Error('it is not on record');
    return record;
  };

  test('request and outcome are on record as soon as they are given back, and counted once', async () => {
    const store = await opened();
    const asked = request([user('a'), assistant('b'), user('c')], { envelope: { seed: 1 }, keyId: 'k' });
    const { id, conversationId } = await store.chats.begin(asked, journaled);
    expect(await recordOf(store, id)).toMatchObject({ state: 'open', messages: asked.messages, conversationId });
    await store.chats.finish(id, outcome([choice(assistant('d'))]));
    expect(await recordOf(store, id)).toMatchObject({
      state: 'complete',
      envelope: asked.envelope,
      choices: [{ message: assistant('d') }],
    });
    expect(await store.usage.sum({}, ['keyId'])).toContainEqual(expect.objectContaining({ keyId: 'k', requests: 1 }));
  });

  test.each([0, 60_000])('a chat goes on with what was answered a moment ago (held for %s ms)', async (holdMs) => {
    const store = await opened();
    const messages = [user('a question that is long enough')];
    let first: string | null = null;
    for (let turn = 0; turn < 5; turn += 1) {
      const { id, conversationId } = await store.chats.begin(request([...messages]), { ...journaled, holdMs });
      first ??= conversationId;
      expect(conversationId).toBe(first);
      const answer = assistant(`answer ${turn}`);
      await store.chats.finish(id, outcome([choice(answer)]));
      messages.push(answer, user(`and ${turn}`));
    }
  });

  test('strangers who go on from the same words at once never meet', async () => {
    const store = await opened();
    const places = await Promise.all(
      ['Ada', 'Bob', 'Cyd'].map(async () => (await talk(store, [user('hi')], 'Hello')).conversationId),
    );
    expect(new Set(places).size).toBe(3);
    const history = [user('hi'), assistant('Hello')];
    const later = await Promise.all(
      ['Ada', 'Bob', 'Cyd'].map(
        async (name) => (await talk(store, [...history, user(`I am ${name}`)], 'Yes')).conversationId,
      ),
    );
    expect(new Set(later)).toEqual(new Set(places));
  });

  test('many at once are all on record, and each is counted', async () => {
    const store = await opened();
    const ids = await Promise.all(
      Array.from({ length: 300 }, async (_, at) => {
        await sleep(at % 40);
        const options = { ...journaled, holdMs: at % 3 === 0 ? 5 : 0 };
        const { id } = await store.chats.begin(
          request([user(`${at} ${'x'.repeat(at * 50)}`)], { keyId: 'k' }),
          options,
        );
        await sleep(at % 7);
        await store.chats.finish(id, outcome([choice(assistant('b'))]));
        return id;
      }),
    );
    for (const id of ids) expect(await recordOf(store, id)).toMatchObject({ state: 'complete' });
    expect(await store.usage.sum({}, ['keyId'])).toContainEqual(expect.objectContaining({ keyId: 'k', requests: 300 }));
  });

  test('a second outcome is refused, whether it comes at once or later', async () => {
    const store = await opened();
    const { id } = await store.chats.begin(request([user('a')], { keyId: 'k' }), journaled);
    const twice = ['b', 'c'].map((answer) => store.chats.finish(id, outcome([choice(assistant(answer))])));
    const results = await Promise.allSettled(twice);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    await expect(store.chats.finish(id, outcome([]))).rejects.toMatchObject({ code: 'Conflict' });
    expect(await store.usage.sum({}, ['keyId'])).toContainEqual(expect.objectContaining({ keyId: 'k', requests: 1 }));
  });

  test('one that was swept although its process lives is finished, and counted once', async () => {
    const installation = await install();
    const [late, other] = [await installation.open(), await installation.open()];
    await warmUp(late);
    const { id } = await late.chats.begin(request([user('a')], { keyId: 'k' }), journaled);
    expect((await recordOf(late, id)).state).toBe('open');
    await lapseLeases(installation);
    expect(await other.chats.sweepInterrupted()).toBe(1);
    await late.chats.finish(id, outcome([choice(assistant('b'))]));
    expect(await recordOf(late, id)).toMatchObject({ state: 'complete', choices: [{ message: assistant('b') }] });
    expect(await late.usage.sum({}, ['keyId'])).toContainEqual(expect.objectContaining({ keyId: 'k', requests: 1 }));
  });

  test('messages that another process erased meanwhile are written again', async () => {
    const installation = await install();
    const [store, other] = [await installation.open(), await installation.open()];
    await warmUp(store);
    const before = await talk(store, [user('a')], 'b');
    await recordOf(store, before.id);
    const going = request([user('a'), assistant('b'), user('c')], { conversationId: before.conversationId });
    const held = await store.chats.begin(going, { ...journaled, holdMs: 60_000 });
    await other.chats.erase({ completionId: before.id });
    await store.chats.finish(held.id, outcome([choice(assistant('d'))]));
    expect(await recordOf(store, held.id)).toMatchObject({
      messages: going.messages,
      choices: [{ message: assistant('d') }],
    });
  });

  test('another process finds it soon, without this one being asked', async () => {
    const installation = await install();
    const [store, other] = [await installation.open(), await installation.open()];
    await warmUp(store);
    const { id } = await talk(store, [user('a')], 'b');
    await expect.poll(() => other.chats.get(id), { timeout: 60_000 }).toMatchObject({ state: 'complete' });
  });

  test('what was open or acknowledged when its process was killed is on record, once', async () => {
    const installation = await install();
    for (let life = 0; life < 3; life += 1) {
      const child = runChild('journal-chats.ts', installation, ['24']);
      const said: { done: string[]; open: string }[] = [];
      for await (const line of child.lines) {
        said.push(JSON.parse(line) as { done: string[]; open: string });
        child.kill();
      }
      expect(said).toHaveLength(1);
      const store = await installation.open();
      for (const id of said[0]?.done ?? []) {
        expect(await recordOf(store, id)).toMatchObject({
          state: 'complete',
          choices: [{ message: assistant('answer') }],
        });
      }
      expect(await recordOf(store, said[0]?.open ?? '')).toMatchObject({ state: 'open', messages: [user('open')] });
      const sums = await store.usage.sum({}, ['owner']);
      expect(sums.find(({ owner }) => owner === 'child')).toMatchObject({ requests: 24 * (life + 1) });
      await store.check();
    }
  });

  async function talk(store: Store, messages: Parameters<typeof request>[0], answer: string) {
    const begun = await store.chats.begin(request(messages), journaled);
    await store.chats.finish(begun.id, outcome([choice(assistant(answer))]));
    return begun;
  }

  /** A journal's files are made when it is first wanted. */
  async function warmUp(store: Store): Promise<void> {
    const { id } = await store.chats.begin(request([user('warm')], { owner: 'nobody' }), journaled);
    await store.chats.finish(id, outcome([], { state: 'failed' }));
    await chat(store, [user('warm again')], 'ok', { owner: 'nobody' });
  }
}
