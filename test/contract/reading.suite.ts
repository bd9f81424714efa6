import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { timeOf } from '../../src/store/ids.ts';
import type { CompletionFilter, NewCompletion, Outcome, Store } from '../../src/store/types.ts';
import { assistant, chat, choice, outcome, request, user } from './chat-samples.ts';
import type { NewInstallation } from './installation.ts';

/** Finding chats again: filters, words, conversations. */
export function readingSuite(install: NewInstallation): void {
  test('each filter lets through what it names, together with any other, and pages join up', async () => {
    const store = await (await install()).open();
    const written = await writeMixture(store);
    const some = <T>(...values: T[]) => fc.option(fc.constantFrom(...values), { nil: undefined });
    const filters = fc.record({
      owner: some('ada', 'bob', 'nobody'),
      keyId: some('k1', 'k0'),
      team: some('red'),
      providers: some(['ollama'], ['openai', 'ollama'], ['absent']),
      models: some(['tiny'], ['openai/gpt'], ['absent'], ['tiny', 'gpt'], ['vendor/odd'], ['openai/vendor/odd']),
      kinds: some<('chat' | 'text' | 'embeddings')[]>(['chat'], ['text'], ['embeddings'], ['chat', 'text']),
      states: some<('complete' | 'failed' | 'open')[]>(['failed'], ['complete'], ['open'], ['open', 'failed']),
      rated: some(true, false),
    });
    const holds = fc.asyncProperty(filters, fc.constantFrom('asc', 'desc'), async (wanted, order) => {
      const filter = Object.fromEntries(
        Object.entries(wanted).filter(([, value]) => value !== undefined),
      ) as CompletionFilter;
      const expected = written.filter((row) => matches(row, filter)).map(({ id }) => id);
      const ids: string[] = [];
      let cursor: string | null = null;
      do {
        const page = await store.chats.list(filter, { limit: 7, order, ...(cursor !== null && { cursor }) });
        ids.push(...page.items.map(({ id }) => id));
        cursor = page.next;
      } while (cursor !== null);
      expect(ids).toEqual(order === 'asc' ? expected : expected.toReversed());
    });
    await fc.assert(holds, { numRuns: 120 });
  });

  test('a filter with an empty list finds nothing', async () => {
    const store = await (await install()).open();
    await chat(store, [user('hi')], 'hello');
    for (const filter of [{ models: [] }, { providers: [] }, { states: [] }, { kinds: [] }]) {
      expect(await store.chats.list(filter, { limit: 5 })).toEqual({ items: [], next: null });
    }
  });

  test('words are found: all of them, phrases in their order, beginnings, whatever case and accents', async () => {
    const store = await (await install()).open();
    const first = await chat(store, [user('Où est le café Zürich-West?')], 'Near the old station, platform 14b.');
    const second = await chat(store, [user('The station is old')], '東京タワーは高い');
    await indexAll(store);
    const found = async (search: string, owner = 'ada') =>
      (await store.chats.list({ search, owner }, { limit: 5 })).items.map(({ id }) => id);
    expect(await found('station')).toEqual([second.id, first.id]);
    expect(await found('STATION Cafe')).toEqual([first.id]);
    expect(await found('"old station"')).toEqual([first.id]);
    expect(await found('"station old"')).toEqual([]);
    expect(await found('stat* zur*')).toEqual([first.id]);
    expect(await found('"the old stat"*')).toEqual([first.id]);
    expect(await found('stat')).toEqual([]);
    expect(await found('zurich-west')).toEqual([first.id]);
    expect(await found('タワー')).toEqual([second.id]);
    expect(await found('ーワタ')).toEqual([]);
    expect(await found('14b')).toEqual([first.id]);
    expect(await found('station', 'bob')).toEqual([]);
    expect((await store.chats.list({ search: 'station' }, { limit: 5 })).items).toHaveLength(2);
  });

  test('whatever is typed is words, never an operator', async () => {
    const store = await (await install()).open();
    const { id } = await chat(store, [user('either this or that and not near')], 'yes');
    await indexAll(store);
    for (const search of [
      'this OR nothing',
      'NOT that nothing',
      'text : nothing',
      'NEAR(a b)',
      '{tag} : "x"',
      "a'b\\",
    ]) {
      expect((await store.chats.list({ search }, { limit: 5 })).items).toEqual([]);
    }
    for (const search of ['"this', 'this OR', '(this) & (that)', 'AND', 'this:', '^this', '-this', "'this'"]) {
      expect((await store.chats.list({ search }, { limit: 5 })).items.map((row) => row.id)).toEqual([id]);
    }
    for (const search of ['', '  ', '"', '* - :', '""']) {
      await expect(store.chats.list({ search }, { limit: 5 })).rejects.toMatchObject({ code: 'InvalidInput' });
    }
    const typed = fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 30 }), async (search) => {
      const page = await store.chats.list({ search }, { limit: 5 }).catch((error: { code: string }) => error.code);
      if (typeof page === 'string') expect(page).toBe('InvalidInput');
    });
    await fc.assert(typed, { numRuns: 60 });
  });

  test('a turn is found by what was said new in it, not by its history; meta chats are not found', async () => {
    const store = await (await install()).open();
    const opening = [{ role: 'system', content: 'instructed' }, user('question')];
    const first = await chat(store, opening, 'answered');
    const call = { id: 'c', type: 'function', function: { name: 'look_up', arguments: '{"city":"Lisboa"}' } };
    const asked = [...opening, assistant('answered'), user('further')];
    const second = await store.chats.begin(request(asked));
    await store.chats.finish(second.id, outcome([choice({ role: 'assistant', content: null, tool_calls: [call] })]));
    await chat(store, [], 'secretly', { record: 'meta' });
    const open = await store.chats.begin(request([user('unanswered')]));
    expect(await indexAll(store)).toBe(3);
    const found = async (search: string) =>
      (await store.chats.list({ search }, { limit: 5 })).items.map(({ id }) => id);
    for (const word of ['instructed', 'question', 'answered']) expect(await found(word)).toEqual([first.id]);
    for (const word of ['further', 'lisboa', 'look_up']) expect(await found(word)).toEqual([second.id]);
    for (const word of ['unanswered', 'secretly']) expect(await found(word)).toEqual([]);
    await store.chats.finish(open.id, outcome([choice(assistant('late'))]));
    await indexAll(store);
    expect(await found('unanswered late')).toEqual([open.id]);
  });

  test('long messages, and what is new in many, are found like short ones that are indexed beside them', async () => {
    const store = await (await install()).open();
    const short = await chat(store, [user('mark short')], 'x');
    const long = await chat(store, [user(`mark ${'filler '.repeat(15_000)} beyond`)], 'x');
    const answered = await chat(store, [user('question')], `mark ${'filler '.repeat(15_000)} within`);
    const many = Array.from({ length: 40 }, (_, at) => user(`said${at} mark`));
    const unanswered = await chat(store, many, 'x');
    const later = await chat(store, [user('old'), assistant('older'), ...many.slice(0, 20)], 'x');
    await indexAll(store);
    const found = async (search: string) =>
      (await store.chats.list({ search }, { limit: 9 })).items.map(({ id }) => id);
    expect(await found('mark')).toEqual([later, unanswered, answered, long, short].map(({ id }) => id));
    expect(await found('beyond')).toEqual([long.id]);
    expect(await found('within')).toEqual([answered.id]);
    expect(await found('said0 said19')).toEqual([later.id, unanswered.id]);
    expect(await found('said39')).toEqual([unanswered.id]);
    expect(await found('older')).toEqual([]);
  });

  test('what is found comes in the order of time, in pages, with other filters', async () => {
    const store = await (await install()).open();
    const ids: string[] = [];
    for (let at = 0; at < 23; at += 1) {
      ids.push((await chat(store, [user(`common ${at % 2 === 0 ? 'even' : 'odd'}`)], 'x', { model: `m${at % 3}` })).id);
    }
    await indexAll(store, 4);
    const walk = async (filter: CompletionFilter, order: 'asc' | 'desc') => {
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const page = await store.chats.list(filter, { limit: 4, order, ...(cursor !== null && { cursor }) });
        seen.push(...page.items.map(({ id }) => id));
        cursor = page.next;
      } while (cursor !== null);
      return seen;
    };
    expect(await walk({ search: 'common' }, 'asc')).toEqual(ids);
    expect(await walk({ search: 'common even' }, 'desc')).toEqual(ids.filter((_, at) => at % 2 === 0).toReversed());
    const third = ids.filter((_, at) => at % 3 === 1);
    expect(await walk({ search: 'common', models: ['m1'] }, 'asc')).toEqual(third);
    const [sixth] = (await store.chats.list({ search: 'common' }, { limit: 6 })).items.slice(-1);
    const since = sixth?.createdAt ?? 0;
    expect((await walk({ search: 'common', since }, 'desc')).slice(0, 6)).toEqual(ids.toReversed().slice(0, 6));
  });

  test('the time of a chat is that of its id, whose counter its place among what is found is made of', async () => {
    const store = await (await install()).open();
    let time = Date.now();
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => (time += 1));
    const { id } = await chat(store, [user('between two milliseconds')], 'x').finally(() => clock.mockRestore());
    expect((await store.chats.get(id))?.createdAt).toBe(timeOf(id));
  });

  test('many chats of one moment are all found', async () => {
    const store = await (await install()).open();
    const lines = Array.from({ length: 120 }, (_, at) => ({
      owner: 'ada',
      provider: 'import',
      model: 'm',
      envelope: {},
      messages: [user(`moment ${at}`)],
      choices: [choice(assistant('x'))],
      response: {},
      promptTokens: null,
      completionTokens: null,
      createdAt: 1_700_000_000_000,
      origin: {},
    }));
    expect(await store.chats.import(lines)).toMatchObject({ written: 120, known: 0 });
    await indexAll(store, 7);
    const seen = new Set<string>();
    let cursor: string | null = null;
    do {
      const page = await store.chats.list({ search: 'moment' }, { limit: 50, ...(cursor !== null && { cursor }) });
      for (const { id } of page.items) seen.add(id);
      cursor = page.next;
    } while (cursor !== null);
    expect(seen.size).toBe(120);
  });

  test('conversations come by their last completion, each once, with what is in them', async () => {
    const store = await (await install()).open();
    const one = await store.chats.begin(request([user('first  words\nof one')]));
    await store.chats.finish(one.id, outcome([choice(assistant('alpha'))], { costNanos: 3_000_000_000 }));
    const two = await chat(store, [user('first of two')], 'beta', { model: 'other' });
    const three = await chat(store, [user('of three')], 'alpha', { owner: 'bob' });
    await chat(store, [user('first  words\nof one'), assistant('alpha'), user('more')], 'alpha', { model: 'other' });
    await chat(store, [], 'x', { kind: 'embeddings' });
    await indexAll(store);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page = await store.chats.conversations({}, { limit: 1, ...(cursor !== null && { cursor }) });
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.next;
    } while (cursor !== null);
    expect(seen).toEqual([one.conversationId, three.conversationId, two.conversationId]);
    const ids = async (filter: CompletionFilter) =>
      (await store.chats.conversations(filter, { limit: 9 })).items.map(({ id }) => id);
    expect(await ids({ owner: 'ada' })).toEqual([one.conversationId, two.conversationId]);
    expect(await ids({ search: 'alpha' })).toEqual([one.conversationId, three.conversationId]);
    expect(await ids({ search: 'alpha', owner: 'bob' })).toEqual([three.conversationId]);
    expect(await ids({ models: ['ollama/other'] })).toEqual([one.conversationId, two.conversationId]);
    const [found] = (await store.chats.conversations({ owner: 'ada' }, { limit: 1 })).items;
    expect(found).toMatchObject({
      id: one.conversationId,
      owner: 'ada',
      firstWords: 'first words of one',
      completions: 2,
      models: ['ollama/tiny', 'ollama/other'],
      costNanos: 3_000_000_000,
    });
    expect(found?.lastAt).toBeGreaterThanOrEqual(found?.firstAt ?? Infinity);
  });
}

/** Indexes all that is not indexed; returns how many there were. */
export async function indexAll(store: Store, batch = 50): Promise<number> {
  let all = 0;
  for (let some = -1; some !== 0; all += some) some = await store.chats.indexNext(batch);
  return all;
}

interface Written extends NewCompletion {
  id: string;
  state: 'open' | 'complete' | 'failed';
  rated: boolean;
}

/** Sixty completions of every sort, some of them rare, in the order in which they were made. */
async function writeMixture(store: Store): Promise<Written[]> {
  const written: Written[] = [];
  for (let at = 0; at < 60; at += 1) {
    const model = at % 17 === 3 ? 'vendor/odd' : at % 5 === 0 ? 'gpt' : 'tiny';
    const given = request([user(`chat ${at}`)], {
      owner: at % 3 === 0 ? 'bob' : 'ada',
      provider: model === 'tiny' ? 'ollama' : 'openai',
      model,
      keyId: at % 4 === 0 ? 'k1' : null,
      team: at % 10 === 7 ? 'red' : null,
      kind: at % 20 === 11 ? 'text' : 'chat',
    });
    const { id } = await store.chats.begin(given);
    const state = at % 30 === 17 ? 'open' : at % 12 === 5 ? 'failed' : 'complete';
    const error: Outcome['error'] = state === 'failed' ? { code: 'Bug', message: 'x', status: null } : null;
    if (state !== 'open') await store.chats.finish(id, outcome([choice(assistant('yes'))], { state, error }));
    const rated = state === 'complete' && at % 7 === 1;
    if (rated) await store.feedback.add({ completionId: id, choice: 0, rater: 'ada', rating: 1, source: 'api' });
    written.push({ ...given, id, state, rated });
  }
  return written;
}

function matches(row: Written, filter: CompletionFilter): boolean {
  const { owner, keyId, team, providers, models, kinds, states, rated } = filter;
  return (
    (owner === undefined || row.owner === owner) &&
    (keyId === undefined || row.keyId === keyId) &&
    (team === undefined || row.team === team) &&
    (providers?.includes(row.provider) ?? true) &&
    (models?.some((model) => model === row.model || model === `${row.provider}/${row.model}`) ?? true) &&
    (kinds?.includes(row.kind ?? 'chat') ?? true) &&
    (states?.includes(row.state) ?? true) &&
    (rated === undefined || row.rated === rated)
  );
}
