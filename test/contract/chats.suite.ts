import { deepStrictEqual } from 'node:assert';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JsonObject } from '../../src/core/canonical.ts';
import type { WireMessage } from '../../src/core/message.ts';
import type { ChoiceRecord } from '../../src/store/types.ts';
import { assistant, chat, choice, outcome, request, user } from './chat-samples.ts';
import { type NewInstallation, lapseLeases, leaseEnds } from './installation.ts';
import { jsonObject, wireMessage } from './json-arbitraries.ts';

/** What every store owes to the record of chats. */
export function chatSuite(install: NewInstallation): void {
  test('a chat comes back deep-equal to what was sent and got', async () => {
    const store = await (await install()).open();
    const turn = fc.record({
      envelope: jsonObject(),
      messages: fc.array(wireMessage(), { maxLength: 5 }),
      choices: fc.array(fc.tuple(wireMessage(), jsonObject()), { maxLength: 3 }),
      response: fc.option(jsonObject()),
    });
    const faithful = fc.asyncProperty(turn, async ({ envelope, messages, choices, response }) => {
      const got = choices.map(([message, extra], index) => ({ index, message, finishReason: null, extra }));
      const { id } = await store.chats.begin(request(messages, { envelope, stream: true }));
      await store.chats.progress(id, got, 7);
      const open = await store.chats.get(id);
      await store.chats.finish(id, outcome(got, { response, firstTokenAt: 7 }));
      const closed = await store.chats.get(id);
      for (const record of [open, closed]) {
        deepStrictEqual(record?.envelope, envelope);
        deepStrictEqual(record?.messages, messages);
        deepStrictEqual(record?.choices.map(withoutId), got);
      }
      deepStrictEqual(
        open?.choices.map(({ messageId }) => messageId),
        closed?.choices.map(({ messageId }) => messageId),
      );
      deepStrictEqual(closed?.response, response);
    });
    await fc.assert(faithful, { numRuns: 60 });
  });

  test('values that text columns and JSON easily lose are kept', async () => {
    const store = await (await install()).open();
    const odd: JsonObject = {
      nul: 'a\u0000b',
      lone: '\ud800',
      zero: -0,
      big: 1e308,
      empty: '',
      nested: [[[]], {}, null],
    };
    const messages: WireMessage[] = [
      { role: 'system', content: null },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a\u0000' },
          { type: 'image_url', image_url: { url: 'data:,' } },
        ],
      },
      { role: 'assistant', reasoning_content: 'why', tool_calls: [{ id: '1', function: { arguments: '{ "a": 1}' } }] },
      { role: 'tool', content: '', tool_call_id: '1', name: '', unknown: odd },
    ];
    const { id } = await store.chats.begin(request(messages, { envelope: odd }));
    const record = await store.chats.get(id);
    deepStrictEqual(record?.envelope, odd);
    deepStrictEqual(record?.messages, messages);
  });

  test('messages of a shared beginning are the same messages', async () => {
    const store = await (await install()).open();
    const first = await chat(store, [user('a'), assistant('b'), user('c')], 'd');
    const second = await chat(store, [user('a'), assistant('b', { reasoning: 'unhashed' }), user('x')], 'y');
    const [one, two] = [await store.chats.get(first.id), await store.chats.get(second.id)];
    expect(one?.messageIds.slice(0, 2)).toEqual(two?.messageIds.slice(0, 2));
    expect(one?.messageIds[2]).not.toBe(two?.messageIds[2]);
    expect(one?.node).toBe(one?.messageIds[0]);
    expect(two?.messages[1]).toEqual(assistant('b', { reasoning: 'unhashed' }));
  });

  test('an id cannot be told without the key of the installation', async () => {
    const [one, two] = [await (await install()).open(), await (await install()).open()];
    const ids = await Promise.all([one, two].map(async (store) => (await store.chats.begin(request([user('a')]))).id));
    const records = [await one.chats.get(ids[0] ?? ''), await two.chats.get(ids[1] ?? '')];
    expect(records[0]?.messageIds).not.toEqual(records[1]?.messageIds);
  });

  test('a closed completion stays as it is', async () => {
    const store = await (await install()).open();
    const { id } = await chat(store, [user('a')], 'b');
    await expect(store.chats.finish(id, outcome([]))).rejects.toMatchObject({ code: 'Conflict' });
    await expect(store.chats.progress(id, [], null)).rejects.toMatchObject({ code: 'Conflict' });
    expect((await store.chats.get(id))?.choices).toHaveLength(1);
    await expect(store.chats.finish('nobody', outcome([]))).rejects.toMatchObject({ code: 'NotFound' });
    await expect(store.chats.progress('nobody', [], null)).rejects.toMatchObject({ code: 'NotFound' });
    expect(await store.chats.get('nobody')).toBeNull();
  });

  test('a failed completion keeps its error', async () => {
    const store = await (await install()).open();
    const { id } = await store.chats.begin(request([user('a')]));
    const error = { code: 'ProviderUnavailable' as const, message: 'gone', status: 503 };
    await store.chats.finish(id, outcome([], { state: 'failed', error, response: null }));
    expect(await store.chats.get(id)).toMatchObject({ state: 'failed', error, response: null, choices: [] });
  });

  test('pages go through everything once, in both directions', async () => {
    const store = await (await install()).open();
    const ids = await Promise.all(
      Array.from({ length: 23 }, async (_, n) => (await chat(store, [user(`${n}`)], 'ok')).id),
    );
    for (const order of ['asc', 'desc'] as const) {
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await store.chats.list({}, { limit: 5, order, ...(cursor && { cursor }) });
        seen.push(...page.items.map(({ id }) => id));
        cursor = page.next ?? undefined;
      } while (cursor);
      expect(seen).toEqual(order === 'asc' ? ids.toSorted() : ids.toSorted().reverse());
    }
    await expect(store.chats.list({}, { limit: 5, cursor: 'mine' })).rejects.toMatchObject({ code: 'InvalidInput' });
    await expect(store.chats.list({}, { limit: 0 })).rejects.toMatchObject({ code: 'InvalidInput' });
  });

  test('every filter narrows the list', async () => {
    const store = await (await install()).open();
    const a = await chat(store, [user('a')], 'b');
    const b = await chat(store, [user('a')], 'b', { owner: 'bob', provider: 'openai', model: 'gpt' });
    await store.feedback.add({ completionId: b.id, choice: 0, rater: 'bob', rating: 1, source: 'api' });
    const listed = async (filter: Parameters<typeof store.chats.list>[0]) =>
      (await store.chats.list(filter, { limit: 10, order: 'asc' })).items.map(({ id }) => id);
    const at = (await store.chats.get(b.id))?.createdAt ?? 0;
    expect(await listed({})).toEqual([a.id, b.id]);
    expect(await listed({ owner: 'bob' })).toEqual([b.id]);
    expect(await listed({ conversationId: a.conversationId })).toEqual([a.id]);
    expect(await listed({ providers: ['openai'] })).toEqual([b.id]);
    expect(await listed({ providers: [] })).toEqual([]);
    expect(await listed({ models: ['tiny'] })).toEqual([a.id]);
    expect(await listed({ models: ['openai/gpt', 'other'] })).toEqual([b.id]);
    expect(await listed({ rated: true })).toEqual([b.id]);
    expect(await listed({ rated: false })).toEqual([a.id]);
    expect(await listed({ states: ['open', 'failed'] })).toEqual([]);
    expect(await listed({ since: at + 1 })).toEqual([]);
    expect(await listed({ until: at, owner: 'bob' })).toEqual([b.id]);
  });
}

function withoutId({ index, message, finishReason, extra }: ChoiceRecord): ChoiceRecord {
  return { index, message, finishReason, extra };
}

/** What every store owes to a chat whose process is gone. */
export function interruptionSuite(install: NewInstallation): void {
  test('an open completion is interrupted once its process is gone, and keeps what was known', async () => {
    const installation = await install();
    const [lost, other] = [await installation.open(), await installation.open()];
    const { id, conversationId } = await lost.chats.begin(request([user('a')]));
    await lost.chats.progress(id, [choice(assistant('half an ans'))], 1);
    expect(await other.chats.sweepInterrupted()).toBe(0);
    await lost.close();
    expect(await other.chats.sweepInterrupted()).toBe(1);
    expect(await other.chats.sweepInterrupted()).toBe(0);
    const record = await other.chats.get(id);
    expect(record).toMatchObject({ state: 'interrupted', choices: [{ message: assistant('half an ans') }] });
    const next = await other.chats.begin(request([user('a'), assistant('half an ans'), user('go on')]));
    expect(next.conversationId).toBe(conversationId);
  });

  test('a process that was only late finishes what was swept', async () => {
    const installation = await install();
    const [late, other] = [await installation.open(), await installation.open()];
    const { id } = await late.chats.begin(request([user('a')]));
    await lapseLeases(installation);
    expect(await late.chats.sweepInterrupted()).toBe(0);
    expect(await other.chats.sweepInterrupted()).toBe(1);
    expect((await other.chats.get(id))?.state).toBe('interrupted');
    await late.chats.progress(id, [choice(assistant('b'))], 1);
    expect((await other.chats.get(id))?.state).toBe('open');
    await late.chats.finish(id, outcome([choice(assistant('bc'))]));
    expect(await other.chats.get(id)).toMatchObject({ state: 'complete', choices: [{ message: assistant('bc') }] });
  });

  test('a lease that is renewed keeps completions open', async () => {
    const installation = await install();
    const [alive, other] = [await installation.open({ ttlMs: 2_000 }), await installation.open()];
    await alive.chats.begin(request([user('a')]));
    const first = await leaseEnds(installation);
    // The first one would have lapsed, and the next counts for most of its time: it is late only on a machine that stands still.
    await expect
      .poll(async () => Date.now() > first && (await leaseEnds(installation)) - Date.now() > 1_000, { interval: 20 })
      .toBe(true);
    expect(await other.chats.sweepInterrupted()).toBe(0);
  });
}
