import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { CompletionRecord, Store } from '../../src/store/types.ts';
import { assistant, chat, choice, outcome, request, user } from './chat-samples.ts';
import type { NewInstallation } from './installation.ts';

const long = { holdMs: 60_000 };

/** Requests that wait for their outcome, to be written together with it. */
export function heldSuite(install: NewInstallation): void {
  const opened = async (): Promise<Store> => (await install()).open();
  const recordOf = async (store: Store, id: string): Promise<CompletionRecord> => {
    const record = await store.chats.get(id);
    if (!record) throw new Error('it is not on record');
    return record;
  };

  test('a held request and its outcome are one commit, and one record as any other', async () => {
    const store = await opened();
    const asked = request([user('a'), assistant('b'), user('c')], { envelope: { seed: 1 }, keyId: 'k' });
    const { id, conversationId } = await store.chats.begin(asked, long);
    expect(await store.chats.get(id)).toBeNull();
    const before = store.writes().commits;
    await store.chats.finish(id, outcome([choice(assistant('d'))]));
    expect(store.writes().commits - before).toBe(1);
    expect(await recordOf(store, id)).toMatchObject({
      conversationId,
      state: 'complete',
      messages: asked.messages,
      envelope: asked.envelope,
      choices: [{ message: assistant('d') }],
    });
    expect(await store.usage.sum({}, ['keyId'])).toMatchObject([{ keyId: 'k', requests: 1, promptTokens: 3 }]);
    const next = await store.chats.begin(request([...asked.messages, assistant('d'), user('e')]), long);
    expect(next.conversationId).toBe(conversationId);
    await store.chats.finish(next.id, outcome([], { state: 'failed' }));
  });

  test('one that is not answered in time is written, and finished as any other', async () => {
    const store = await opened();
    const { id } = await store.chats.begin(request([user('a')]), { holdMs: 5 });
    await expect.poll(() => store.chats.get(id)).toMatchObject({ state: 'open', messages: [user('a')] });
    await store.chats.finish(id, outcome([choice(assistant('b'))]));
    expect(await recordOf(store, id)).toMatchObject({ state: 'complete', choices: [{ message: assistant('b') }] });
    expect(await store.usage.sum({}, [])).toMatchObject([{ requests: 1 }]);
  });

  test('outcomes that come while the request is being written wait for it', async () => {
    const store = await opened();
    const ids = await Promise.all(
      Array.from({ length: 40 }, async (_, at) => {
        const { id } = await store.chats.begin(request([user(`${at}`)]), { holdMs: 1 + (at % 4) });
        await sleep(at % 5);
        await store.chats.finish(id, outcome([choice(assistant('b'))]));
        return id;
      }),
    );
    for (const id of ids) expect(await recordOf(store, id)).toMatchObject({ state: 'complete' });
    expect(await store.usage.sum({}, [])).toMatchObject([{ requests: 40, failures: 0 }]);
  });

  test('two that go on from the same place of two conversations never meet', async () => {
    const store = await opened();
    const first = await chat(store, [user('hi')], 'Hello');
    const second = await chat(store, [user('hi')], 'Hello');
    const history = [user('hi'), assistant('Hello')];
    const one = await store.chats.begin(request([...history, user('I am Ada')]), long);
    const two = await store.chats.begin(request([...history, user('I am Bob')]), long);
    await store.chats.finish(one.id, outcome([choice(assistant('Ada?'))]));
    await store.chats.finish(two.id, outcome([choice(assistant('Bob?'))]));
    const places = [(await recordOf(store, one.id)).conversationId, (await recordOf(store, two.id)).conversationId];
    expect(new Set(places)).toEqual(new Set([first.conversationId, second.conversationId]));
    expect([one.conversationId, two.conversationId]).toEqual(places);
  });

  test('messages that were erased while it was held are written again', async () => {
    const store = await opened();
    const before = await chat(store, [user('a')], 'b');
    const going = request([user('a'), assistant('b'), user('c')], { conversationId: before.conversationId });
    const { id } = await store.chats.begin(going, long);
    await store.chats.erase({ completionId: before.id });
    await store.chats.finish(id, outcome([choice(assistant('d'))]));
    expect(await recordOf(store, id)).toMatchObject({
      messages: going.messages,
      choices: [{ message: assistant('d') }],
    });
  });

  test('who asked is told when it cannot be written, and its outcome is refused', async () => {
    const store = await opened();
    const lost = Promise.withResolvers<unknown>();
    const { id } = await store.chats.begin(request([user('a')]), { holdMs: 20, lost: lost.resolve });
    await store.close();
    expect(await lost.promise).toMatchObject({ code: 'StoreUnavailable' });
    await expect(store.chats.finish(id, outcome([]))).rejects.toMatchObject({ code: 'StoreUnavailable' });
  });

  test('a conversation that is not there is told at once', async () => {
    const store = await opened();
    const asking = store.chats.begin(request([user('a')], { conversationId: 'nobody' }), long);
    await expect(asking).rejects.toMatchObject({ code: 'NotFound' });
  });
}
