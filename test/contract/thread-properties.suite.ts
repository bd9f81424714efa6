import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { WireMessage } from '../../src/core/message.ts';
import type { CompletionRecord, Store } from '../../src/store/types.ts';
import { assistant, chat, choice, outcome, request, user } from './chat-samples.ts';
import type { NewInstallation } from './installation.ts';
import { createClient, habit } from './thread-habits.ts';

/** What holds of threads whatever clients do. */
export function threadPropertySuite(install: NewInstallation): void {
  test('strangers are never joined: a conversation whose clients only append is one line', async () => {
    const store = await (await install()).open();
    const words = fc.constantFrom('hi', 'yes', 'a question that is long enough to be told by');
    const answers = fc.constantFrom('ok', 'an answer that is long enough to be told by when it is seen again');
    const people = [{ owner: 'ada' }, { owner: 'ada' }, { owner: 'ada', scope: 'x' }, { owner: 'bob' }];
    const turn = fc.record({ who: fc.nat(people.length - 1), asked: words, answered: answers, gap: fc.nat(1) });
    let run = 0;
    const alone = fc.asyncProperty(fc.array(turn, { minLength: 4, maxLength: 24 }), async (plan) => {
      run += 1;
      const histories: WireMessage[][] = people.map(() => []);
      const placed = new Map<string, { who: number; length: number; text: string }[]>();
      for (const { who, asked, answered, gap } of plan) {
        const history = histories[who] ?? [];
        history.push(user(asked.replaceAll(' ', gap === 0 ? ' ' : '  ')));
        const person = people[who];
        const more = { ...person, owner: `${person?.owner} ${run}` };
        const { conversationId } = await chat(store, [...history], answered, more);
        placed.set(conversationId, [...(placed.get(conversationId) ?? []), { who, ...told(history) }]);
        history.push(assistant(answered));
      }
      for (const line of placed.values()) {
        line.reduce((before, after) => {
          expect(after.length).toBeGreaterThan(before.length);
          expect(after.text.startsWith(before.text)).toBe(true);
          expect(people[after.who]).toEqual(people[before.who]);
          return after;
        });
      }
    });
    await fc.assert(alone, { numRuns: 30 });
  });

  test('two alike chats that go on at the same moment part', async () => {
    const store = await (await install()).open();
    for (const _n of [1, 2, 3]) await chat(store, [user('hi')], 'hello');
    const next = await Promise.all(
      ['1', '2', '3'].map((text) => store.chats.begin(request([user('hi'), assistant('hello'), user(text)]))),
    );
    expect(new Set(next.map(({ conversationId }) => conversationId)).size).toBe(3);
  });

  test.each(['new instructions', 'a trimmed beginning', 'its id'])(
    'of two alike chats, one that goes on with %s takes its own',
    async (how) => {
      const store = await (await install()).open();
      const opening = [{ role: 'system', content: 'be kind' }, user('hi'), assistant('hello')];
      const asked = user('a question that is long enough to be told by');
      const answered = 'an answer that is long enough to be told by when it is seen again';
      const begun = [];
      for (const _n of [1, 2]) {
        begun.push(await chat(store, opening.slice(0, 2), 'hello'));
        await chat(store, [...opening, asked], answered, { conversationId: begun.at(-1)?.conversationId ?? '' });
      }
      const whole = [...opening, asked, assistant(answered), user('next')];
      const [first] = begun;
      const named = how === 'its id' && first ? { conversationId: first.conversationId } : {};
      const changed =
        how === 'a trimmed beginning' ? whole.slice(3) : [{ role: 'system', content: 'be brief' }, ...whole.slice(1)];
      const one = await store.chats.begin(request(how === 'its id' ? whole : changed, named));
      const two = await store.chats.begin(request(whole));
      expect(new Set([one.conversationId, two.conversationId])).toEqual(
        new Set(begun.map(({ conversationId }) => conversationId)),
      );
      const three = await store.chats.begin(request(how === 'a trimmed beginning' ? whole.slice(3) : changed));
      expect([one.conversationId, two.conversationId]).not.toContain(three.conversationId);
    },
  );

  test('when every alike chat has gone on, another begins a conversation, in the same split', async () => {
    const store = await (await install()).open();
    const shared = [user('hi'), assistant('hello')];
    for (const _n of [1, 2]) await chat(store, [user('hi')], 'hello');
    const ids = [];
    for (const text of ['1', '2', '3']) ids.push(await chat(store, [...shared, user(text)], text));
    expect(new Set(ids.map(({ conversationId }) => conversationId)).size).toBe(3);
    const records = await Promise.all(ids.map(({ id }) => store.chats.get(id)));
    expect(new Set(records.map((record) => record?.node)).size).toBe(1);
  });

  test('the split node never moves as a chat grows, whatever habits its client has', async () => {
    const store = await (await install()).open();
    const steps = fc.array(fc.tuple(fc.nat(1), habit), { minLength: 4, maxLength: 30 });
    let run = 0;
    const stays = fc.asyncProperty(steps, async (plan) => {
      run += 1;
      const owner = `owner ${run}`;
      const clients = [createClient('one'), createClient('two')];
      const nodes = new Set<string | null>();
      for (const [who, kind] of plan) {
        const messages = clients[who]?.next(kind) ?? null;
        if (messages === null) continue;
        const begun = await store.chats.begin(request(messages, { owner }));
        const answer = clients[who]?.answer() ?? '';
        await store.chats.finish(begun.id, outcome([choice(assistant(answer))]));
        nodes.add((await store.chats.get(begun.id))?.node ?? null);
      }
      // Both clients open with the same words, so both chats have the same node.
      expect(nodes.size).toBeLessThanOrEqual(1);
      expect(nodes).not.toContain(null);
    });
    await fc.assert(stays, { numRuns: 40 });
  });

  test('a chat whose words are its own stays one conversation, whatever habits its client has', async () => {
    const store = await (await install()).open();
    let run = 0;
    const stays = fc.asyncProperty(fc.array(habit, { minLength: 4, maxLength: 20 }), async (plan) => {
      run += 1;
      const client = createClient('one');
      const ids = new Set<string>();
      for (const kind of plan) {
        const messages = client.next(kind);
        if (messages === null) continue;
        const { conversationId } = await chat(store, messages, client.answer(), { owner: `owner ${run}` });
        ids.add(conversationId);
      }
      expect(ids.size).toBe(1);
    });
    await fc.assert(stays, { numRuns: 25 });
  });

  test('an edited history is a branch: what comes before the edit is shared, what comes after is not', async () => {
    const store = await (await install()).open();
    let run = 0;
    const branches = fc.asyncProperty(fc.integer({ min: 2, max: 6 }), fc.nat(5), async (length, cut) => {
      run += 1;
      const history: WireMessage[] = [];
      let last: { id: string; conversationId: string } | null = null;
      for (let turn = 0; turn < length; turn += 1) {
        history.push(user(`question ${turn} of ${run}`));
        last = await chat(store, [...history], `answer ${turn}`);
        history.push(assistant(`answer ${turn}`));
      }
      const at = 2 * (1 + (cut % (length - 1)));
      const edited = await chat(store, [...history.slice(0, at), user('edited')], 'other');
      expect(edited.conversationId).toBe(last?.conversationId);
      const [one, two] = [await read(store, last?.id), await read(store, edited.id)];
      expect(two.messageIds.slice(0, at)).toEqual(one.messageIds.slice(0, at));
      expect(one.messageIds).not.toContain(two.messageIds[at]);
    });
    await fc.assert(branches, { numRuns: 15 });
  });
}

function told(history: readonly WireMessage[]): { length: number; text: string } {
  const text = history.map(({ content }) => String(content).replaceAll(/\s+/g, ' ')).join('\n');
  return { length: history.length, text };
}

async function read(store: Store, id: string | undefined): Promise<CompletionRecord> {
  const record = id === undefined ? null : await store.chats.get(id);
  if (!record) throw new Error(`no completion ${id}`);
  return record;
}
