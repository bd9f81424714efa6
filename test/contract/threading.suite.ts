import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { WireMessage } from '../../src/core/message.ts';
import { assistant, chat, choice, outcome, request, user } from './chat-samples.ts';
import type { NewInstallation } from './installation.ts';

/** How requests find the conversation that they go on with. */
export function threadingSuite(install: NewInstallation): void {
  test('a resent history goes on with its conversation, whatever the client did to its form', async () => {
    const store = await (await install()).open();
    const asked = [{ role: 'system', content: 'be kind' }, user('hi')];
    const first = await chat(store, asked, '<think>hm</think>Hello  there,\nfriend');
    const forms: WireMessage[] = [
      assistant('Hello there, friend'),
      assistant(' Hello there, friend\n', { reasoning_content: 'hm', refusal: null }),
      { role: 'assistant', content: [{ type: 'text', text: 'Hello there, friend', cache_control: { type: 'x' } }] },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'hm' },
          { type: 'text', text: 'Hello there, friend' },
        ],
      },
    ];
    for (const form of forms) {
      const next = await store.chats.begin(request([...asked, form, user('next')]));
      expect(next.conversationId).toBe(first.conversationId);
    }
    const other = await store.chats.begin(request([...asked, assistant('Hello there, foe'), user('next')]));
    expect(other.conversationId).not.toBe(first.conversationId);
  });

  test('calls of tools are the same however their arguments are spaced', async () => {
    const store = await (await install()).open();
    const call = (given: string): WireMessage => ({
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: given } }],
    });
    const begun = await store.chats.begin(request([user('hi')]));
    await store.chats.finish(begun.id, outcome([choice(call('{"a": 1,  "b": [2]}'))]));
    const result: WireMessage = { role: 'tool', tool_call_id: 'c1', content: 'done' };
    const same = await store.chats.begin(request([user('hi'), call('{"b":[2],"a":1}'), result]));
    const other = await store.chats.begin(request([user('hi'), call('{"b":[3],"a":1}'), result]));
    expect(same.conversationId).toBe(begun.conversationId);
    expect(other.conversationId).not.toBe(begun.conversationId);
  });

  test('the same first words begin two conversations, of one owner or of two', async () => {
    const store = await (await install()).open();
    const begun = await Promise.all(
      ['ada', 'ada', 'bob'].map((owner) => store.chats.begin(request([user('hi')], { owner }))),
    );
    expect(new Set(begun.map(({ conversationId }) => conversationId)).size).toBe(3);
  });

  test('a history that belongs to another owner, or that nobody recorded, begins a conversation', async () => {
    const store = await (await install()).open();
    const history = [user('hi'), assistant('hello'), user('next')];
    const unknown = await chat(store, history, 'yes');
    const again = await chat(store, history, 'yes');
    expect(again.conversationId).not.toBe(unknown.conversationId);
    const stranger = await store.chats.begin(request([...history, assistant('yes'), user('and')], { owner: 'bob' }));
    expect([unknown.conversationId, again.conversationId]).not.toContain(stranger.conversationId);
  });

  test('an edit is a branch of its conversation, and both branches go on', async () => {
    const store = await (await install()).open();
    const opening = [user('a'), assistant('b')];
    const { conversationId } = await chat(store, [user('a')], 'b');
    await chat(store, [...opening, user('c')], 'd');
    await chat(store, [...opening, user('c, edited')], 'e');
    for (const tail of [
      [user('c'), assistant('d'), user('f')],
      [user('c, edited'), assistant('e'), user('f')],
      [user('c'), assistant('d, edited by the client'), user('f')],
    ]) {
      expect((await store.chats.begin(request([...opening, ...tail]))).conversationId).toBe(conversationId);
    }
  });

  test('each of two conversations that began alike is found by what sets it apart', async () => {
    const store = await (await install()).open();
    const one = await chat(store, [user('hi')], 'hello');
    const two = await chat(store, [user('hi')], 'hello');
    const shared = [user('hi'), assistant('hello')];
    await chat(store, [...shared, user('1')], 'one', { conversationId: one.conversationId });
    await chat(store, [...shared, user('2')], 'two', { conversationId: two.conversationId });
    const follow = async (n: string, answer: string) =>
      (await store.chats.begin(request([...shared, user(n), assistant(answer), user('x')]))).conversationId;
    expect(await follow('1', 'one')).toBe(one.conversationId);
    expect(await follow('2', 'two')).toBe(two.conversationId);
  });

  test('a conversation that is named must be one of the owner', async () => {
    const store = await (await install()).open();
    const { conversationId } = await chat(store, [user('hi')], 'hello');
    const mine = await store.chats.begin(request([user('new words')], { conversationId }));
    expect(mine.conversationId).toBe(conversationId);
    for (const stranger of [{ conversationId, owner: 'bob' }, { conversationId: 'made up' }]) {
      const begun = store.chats.begin(request([user('hi')], stranger));
      await expect(begun).rejects.toMatchObject({ code: 'NotFound' });
    }
  });

  test('any client that resends its history, spaced anew, stays in its own conversation', async () => {
    const store = await (await install()).open();
    const words = fc.array(fc.constantFrom('yes', 'no', 'why', 'hi'), { minLength: 1, maxLength: 3 });
    const space = fc.constantFrom(' ', '  ', '\n', ' \t ');
    const turns = fc.array(fc.tuple(words, words, space, fc.nat(1)), { minLength: 2, maxLength: 12 });
    let owners = 0;
    const stays = fc.asyncProperty(turns, async (plan) => {
      owners += 1;
      const owner = `owner ${owners}`;
      const chats: { id: string | null; history: string[][] }[] = [
        { id: null, history: [['first chat']] },
        { id: null, history: [['second chat']] },
      ];
      for (const [asked, answered, gap, who] of plan) {
        const talk = chats[who];
        if (!talk) continue;
        talk.history.push(asked);
        const messages = talk.history.map((text, at) =>
          at % 2 === 1
            ? user(text.join(gap))
            : at === 0
              ? { role: 'system', content: text.join(gap) }
              : assistant(`${gap}${text.join(gap)}`),
        );
        const { conversationId } = await chat(store, messages, answered.join(' '), { owner });
        expect(conversationId).toBe(talk.id ?? conversationId);
        talk.id = conversationId;
        talk.history.push(answered);
      }
      expect(chats[0]?.id ?? 'a').not.toBe(chats[1]?.id ?? 'b');
    });
    await fc.assert(stays, { numRuns: 25 });
  });
}
