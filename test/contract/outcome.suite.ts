import { expect, test } from 'vitest';
import type { Attempt, Store, UsageSum } from '../../src/store/types.ts';
import { assistant, chat, choice, outcome, request, user } from './chat-samples.ts';
import { runChild } from './fixtures/child.ts';
import { type NewInstallation, lapseLeases, withDatabase } from './installation.ts';

/** What a chat leaves behind when it ends, and what is kept of one that does not. */
export function outcomeSuite(install: NewInstallation): void {
  const opened = async (): Promise<Store> => (await install()).open();
  const total = async (store: Store): Promise<UsageSum | undefined> => (await store.usage.sum({}, []))[0];
  const unknown = { promptTokens: null, completionTokens: null };

  test('an outcome is counted for its key and team, by who answered', async () => {
    const store = await opened();
    const { id } = await store.chats.begin(request([user('a')], { keyId: 'k1', team: 'blue' }));
    expect(await total(store)).toMatchObject({ requests: 0 });
    const attempts: Attempt[] = [{ provider: 'ollama', model: 'tiny', code: 'ProviderUnavailable' }];
    const answeredBy = { provider: 'openai', model: 'gpt' };
    await store.chats.finish(id, outcome([choice(assistant('b'))], { costNanos: 750, answeredBy, attempts }));
    expect(await store.chats.get(id)).toMatchObject({ ...answeredBy, attempts, costNanos: 750, keyId: 'k1' });
    const labels = { owner: 'ada', keyId: 'k1', team: 'blue', ...answeredBy };
    const sums = { requests: 1, failures: 0, promptTokens: 3, completionTokens: 5, costNanos: 750 };
    expect(await store.usage.sum({}, ['owner', 'keyId', 'team', 'provider', 'model'])).toEqual([
      { ...labels, ...sums },
    ]);
  });

  test('every state is counted, and only failed ones as failures', async () => {
    const store = await opened();
    for (const state of ['complete', 'interrupted', 'failed', 'failed'] as const) {
      const { id } = await store.chats.begin(request([user(state)]));
      await store.chats.finish(id, outcome([], { state, ...unknown }));
      expect(await store.chats.get(id)).toMatchObject({ state, costNanos: null, attempts: [], ...unknown });
    }
    expect(await total(store)).toEqual({
      requests: 4,
      failures: 2,
      promptTokens: 0,
      completionTokens: 0,
      costNanos: 0,
    });
  });

  test('an outcome that is refused is not counted', async () => {
    const store = await opened();
    const { id } = await chat(store, [user('a')], 'b');
    const cut = await store.chats.begin(request([user('c')]));
    await store.chats.finish(cut.id, outcome([], { state: 'interrupted' }));
    for (const closed of [id, cut.id]) {
      await expect(store.chats.finish(closed, outcome([]))).rejects.toMatchObject({ code: 'Conflict' });
      await expect(store.chats.progress(closed, [], null)).rejects.toMatchObject({ code: 'Conflict' });
    }
    await expect(store.chats.finish('nobody', outcome([]))).rejects.toMatchObject({ code: 'NotFound' });
    expect(await total(store)).toMatchObject({ requests: 2, promptTokens: 6 });
  });

  test('an outcome that comes twice at once is written and counted once', async () => {
    const store = await opened();
    const { id } = await store.chats.begin(request([user('a')]));
    const twice = ['b', 'c'].map((answer) => store.chats.finish(id, outcome([choice(assistant(answer))])));
    const results = await Promise.allSettled(twice);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await total(store)).toMatchObject({ requests: 1 });
  });

  test('another process may write the outcome', async () => {
    const installation = await install();
    const [one, two] = [await installation.open(), await installation.open()];
    const { id, conversationId } = await one.chats.begin(request([user('a')], { keyId: 'k1' }));
    await two.chats.finish(id, outcome([choice(assistant('b'))]));
    expect(await one.chats.get(id)).toMatchObject({ state: 'complete', choices: [{ message: assistant('b') }] });
    await expect(one.chats.finish(id, outcome([]))).rejects.toMatchObject({ code: 'Conflict' });
    const next = await one.chats.begin(request([user('a'), assistant('b'), user('c')]));
    expect(next.conversationId).toBe(conversationId);
    expect(await one.usage.sum({}, ['keyId'])).toMatchObject([{ keyId: 'k1', requests: 1 }]);
  });

  test('the sweep counts what it closes, once, and what ends after all is not counted again', async () => {
    const installation = await install();
    const [late, other] = [await installation.open(), await installation.open()];
    const ends = await late.chats.begin(request([user('ends')]));
    const goesOn = await late.chats.begin(request([user('goes on')]));
    await lapseLeases(installation);
    const [one, two] = await Promise.all([other.chats.sweepInterrupted(), other.chats.sweepInterrupted()]);
    expect(one + two).toBe(2);
    expect(await total(other)).toMatchObject({ requests: 2, failures: 0, promptTokens: 0 });
    await late.chats.finish(ends.id, outcome([choice(assistant('b'))], { state: 'failed' }));
    expect(await total(other)).toMatchObject({ requests: 2, failures: 1, promptTokens: 3 });
    await late.chats.progress(goesOn.id, [choice(assistant('c'))], 1);
    expect(await total(other)).toMatchObject({ requests: 1 });
    await late.chats.finish(goesOn.id, outcome([choice(assistant('cd'))], { costNanos: 7 }));
    expect(await total(other)).toMatchObject({ requests: 2, failures: 1, promptTokens: 6, costNanos: 7 });
  });

  test('figures alone are kept where that is asked for', async () => {
    const store = await opened();
    const { id } = await store.chats.begin(request([], { record: 'meta', envelope: { model: 'tiny' } }));
    await store.chats.finish(id, outcome([], { response: { id: 'x' }, costNanos: 9 }));
    expect(await store.chats.get(id)).toMatchObject({
      record: 'meta',
      messages: [],
      choices: [],
      node: null,
      state: 'complete',
      promptTokens: 3,
      costNanos: 9,
    });
    expect(await total(store)).toMatchObject({ requests: 1, costNanos: 9 });
  });

  test('kinds, teams and keys are kept; without them a call is a chat of nobody’s key', async () => {
    const store = await opened();
    const plain = await chat(store, [user('a')], 'b');
    const other = await chat(store, [user('a')], 'b', { kind: 'responses', keyId: 'k', team: 't' });
    expect(await store.chats.get(plain.id)).toMatchObject({ kind: 'chat', keyId: null, team: null, record: 'all' });
    expect(await store.chats.get(other.id)).toMatchObject({ kind: 'responses', keyId: 'k', team: 't' });
  });

  test('a message that was erased meanwhile is stored again with those before it', async () => {
    const installation = await install();
    const store = await installation.open();
    const history = [user('a'), assistant('b'), user('c')];
    await chat(store, history, 'd');
    await withDatabase(installation, ({ build }) => build.deleteFrom('message'));
    const { id } = await chat(store, [...history, assistant('d'), user('e')], 'f');
    expect((await store.chats.get(id))?.messages).toEqual([...history, assistant('d'), user('e')]);
    expect((await store.chats.get(id))?.choices).toMatchObject([{ message: assistant('f') }]);
  });

  test('long histories are stored whole, whatever their length', async () => {
    const store = await opened();
    for (const length of [1, 7, 8, 9, 63, 64, 65, 137]) {
      const messages = Array.from({ length }, (_, n) => user(`${length}: ${n}`));
      const { id } = await store.chats.begin(request(messages));
      expect((await store.chats.get(id))?.messages).toEqual(messages);
    }
  });

  test('lists show what was acknowledged a moment ago', async () => {
    const store = await opened();
    for (let n = 0; n < 20; n += 1) {
      const { id } = await chat(store, [user(`${n}`)], 'ok');
      const { items } = await store.chats.list({}, { limit: 1 });
      expect(items[0]).toMatchObject({ id, state: 'complete' });
    }
  });

  test('kill -9 right after a chat has begun leaves its request', async () => {
    const installation = await install();
    const child = runChild('begin-chat.ts', installation);
    const ids: string[] = [];
    for await (const id of child.lines) {
      ids.push(id);
      child.kill();
    }
    const store = await installation.open();
    expect(await store.chats.get(ids[0] ?? '')).toMatchObject({ state: 'open', messages: [user('question')] });
    await store.check();
  });

  test('it answers a ping until it is closed', async () => {
    const installation = await install();
    const store = await installation.open();
    await store.ping();
    await store.close();
    await expect(store.ping()).rejects.toMatchObject({ code: 'StoreUnavailable' });
  });
}
