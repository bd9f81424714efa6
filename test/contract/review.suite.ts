import { CompiledQuery } from 'kysely';
import { expect, test } from 'vitest';
import { measureAgreement } from '../../src/feedback/agreement.ts';
import { type ReviewDeps, type ReviewFilter, createNextReview } from '../../src/feedback/review.ts';
import type { NewFeedback, Store } from '../../src/store/types.ts';
import { assistant, chat, choice, outcome, request, user } from './chat-samples.ts';
import { type Installation, type NewInstallation, withDatabase } from './installation.ts';

const everybody: ReviewFilter = { owner: null };
/** Never asks for anything again. */
const never = () => 0.5;

function nextOf(store: Store, more: Partial<ReviewDeps> = {}) {
  const next = createNextReview({ ...store, random: never, ...more });
  return async (rater: string, filter: Partial<ReviewFilter> = {}) => {
    const item = await next(rater, { ...everybody, ...filter });
    return item && { id: item.completion.id, choice: item.choice, reason: item.reason };
  };
}

const say = (store: Store, completionId: string, rater: string, more: Partial<NewFeedback>) =>
  store.feedback.add({ completionId, choice: 0, source: 'api', rater, ...more });

const lapse = (installation: Installation) =>
  withDatabase(installation, ({ build }) => build.updateTable('review_claim').set({ until: 1 }));

/** Takes a store back to what it was before the queue. */
const withoutQueue = [
  'drop table review_again',
  'drop table review_claim',
  'drop table review_answer',
  'drop index feedback_by_rater',
  'alter table conversation drop column rated',
  `delete from migration where name = '0010-review'`,
];

/** Chats of conversations of their own, the oldest first. */
async function chats(store: Store, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let at = 0; at < count; at += 1) ids.push((await chat(store, [user(`question ${at}`)], `answer ${at}`)).id);
  return ids;
}

/** What every store owes to those who review. */
export function reviewSuite(install: NewInstallation): void {
  test('new topics come first, the newest first; then what else is unrated; then nothing', async () => {
    const store = await (await install()).open();
    const next = nextOf(store);
    const turn = [user('a'), assistant('b')];
    const first = await chat(store, [user('a')], 'b');
    const second = await chat(store, [...turn, user('c')], 'd', { conversationId: first.conversationId });
    const third = await chat(store, [...turn, user('e')], 'f', { conversationId: first.conversationId });
    const other = await chat(store, [user('another topic')], 'g');
    await say(store, second.id, 'bob', { rating: 1 });
    const asked: unknown[] = [];
    for (let at = 0; at < 4; at += 1) asked.push(await next('ada'));
    const unrated = (id: string) => ({ id, choice: 0, reason: 'unrated' });
    expect(asked).toEqual([unrated(other.id), unrated(third.id), unrated(first.id), null]);
  });

  test('a claim ends with the rating, by giving it back, and when its time is over', async () => {
    const installation = await install();
    const store = await installation.open();
    const next = nextOf(store);
    const [id = ''] = await chats(store, 1);
    expect(await next('ada')).toMatchObject({ id });
    expect(await next('bob')).toBeNull();
    expect(await store.review.release({ completionId: id, choice: 0 }, 'bob')).toBe(false);
    expect(await store.review.release({ completionId: id, choice: 0 }, 'ada')).toBe(true);
    expect(await next('bob')).toMatchObject({ id });
    expect(await next('ada')).toBeNull();
    await lapse(installation);
    expect(await store.review.release({ completionId: id, choice: 0 }, 'bob')).toBe(false);
    expect(await next('ada')).toMatchObject({ id });
    await say(store, id, 'ada', { rating: 1 });
    expect(await store.review.claims([{ completionId: id, choice: 0 }])).toEqual([]);
    expect(await next('bob')).toBeNull();
  });

  test('answers that raters disagree about come before all others, to those who have not judged them', async () => {
    const store = await (await install()).open();
    const next = nextOf(store);
    const [thumbs = '', close = '', far = '', alone = '', fresh = ''] = await chats(store, 5);
    await say(store, thumbs, 'ada', { rating: 1 });
    const against = await say(store, thumbs, 'bob', { rating: -1 });
    await say(store, close, 'ada', { score: 0.3 });
    await say(store, close, 'bob', { score: 0.8 });
    await say(store, far, 'ada', { score: 0.2 });
    await say(store, far, 'bob', { score: 0.8 });
    await say(store, alone, 'ada', { rating: 1 });
    await say(store, alone, 'ada', { rating: -1 });
    const dispute = (id: string) => ({ id, choice: 0, reason: 'disagreement' });
    expect(await next('bob')).toMatchObject({ id: fresh, reason: 'unrated' });
    expect(await next('carl')).toEqual(dispute(far));
    expect(await next('carl')).toEqual(dispute(thumbs));
    expect(await next('carl')).toBeNull();
    for (const id of [far, thumbs]) await store.review.release({ completionId: id, choice: 0 }, 'carl');
    await store.feedback.add({ completionId: thumbs, choice: 0, rater: 'bob', source: 'api', undoes: against.id });
    expect(await next('dora')).toEqual(dispute(far));
    expect(await next('dora')).toBeNull();
  });

  test('what the newest build of a name set aside comes first, until somebody says something of it', async () => {
    const store = await (await install()).open();
    const next = nextOf(store);
    const [good = '', bad = '', disputed = '', late = ''] = await chats(store, 4);
    for (const [id, rating] of [
      [good, 1],
      [bad, -1],
      [late, -1],
    ] as const)
      await say(store, id, 'ada', { rating });
    await say(store, disputed, 'ada', { rating: 1 });
    await say(store, disputed, 'bob', { rating: -1 });
    const since = Date.now();
    const answer = (completionId: string) => ({ completionId, choice: 0 });
    const pair = (one: string, other: string) => ({ answer: answer(one), other: answer(other) });
    const both = [pair(good, bad), pair(bad, good)];
    const set = (digest: string, answers: typeof both, name = 'support', from = since) =>
      store.review.setAside({ name, digest, since: from, answers });
    const asked = async (rater: string) => {
      const item = await next(rater);
      if (item) await store.review.release({ completionId: item.id, choice: 0 }, rater);
      return item && [item.id, item.reason];
    };
    await set('d1', [...both, pair('nobody', bad)]);
    // Whoever rated them is asked as well, which nobody is about a disagreement.
    expect(await asked('ada')).toEqual([bad, 'contradiction']);
    expect(await asked('carl')).toEqual([bad, 'contradiction']);
    await say(store, bad, 'ada', { rating: -1 });
    expect(await asked('ada')).toEqual([good, 'contradiction']);
    // A later build that sees the same again does not ask again, and another of the same answer does.
    await set('d2', both);
    expect(await asked('ada')).toEqual([good, 'contradiction']);
    await set('other', [pair(bad, late)], 'tone', Date.now() + 1);
    expect(await asked('ada')).toEqual([bad, 'contradiction']);
    await set('other 2', [], 'tone');
    expect(await asked('ada')).toEqual([good, 'contradiction']);
    // What was said since the answers were collected has decided.
    await set('d3', [pair(bad, late)], 'support', since - 1);
    expect(await asked('carl')).toEqual([disputed, 'disagreement']);
    expect(await asked('ada')).toBeNull();
  });

  test('of two answers that contradict each other nothing is asked once one is erased, or their rater forgotten', async () => {
    const store = await (await install()).open();
    const [good = '', bad = '', other = ''] = await chats(store, 3);
    const answer = (completionId: string) => ({ completionId, choice: 0 });
    for (const id of [good, bad, other]) await say(store, id, id === other ? 'bob' : 'ada', { rating: 1 });
    const answers = [
      { answer: answer(good), other: answer(bad) },
      { answer: answer(other), other: answer(good) },
      { answer: answer(good), other: answer(other) },
    ];
    const found = async () =>
      (await store.review.contradicted({}, { after: null, limit: 9 })).map((one) => one.completionId).sort();
    const set = () => store.review.setAside({ name: 'x', digest: 'd', since: Date.now(), answers });
    await set();
    expect(await found()).toEqual([good, good, other].sort());
    await store.chats.erase({ completionId: bad });
    expect(await found()).toEqual([good, other].sort());
    await store.forgotten.removeRater('bob', 'forgotten');
    expect(await found()).toEqual([]);
    // A build that ends after the forgetting brings nothing of it back.
    await set();
    expect(await found()).toEqual([good, good]);
    await store.chats.erase({ completionId: good });
    await set();
    expect(await found()).toEqual([]);
  });

  test('of which nothing stands any more, and the other choices of what is rated, are unrated', async () => {
    const store = await (await install()).open();
    const next = nextOf(store);
    const begun = await store.chats.begin(request([user('two, please')]));
    await store.chats.finish(begun.id, outcome([choice(assistant('one')), choice(assistant('two'), 1)]));
    expect(await next('ada')).toMatchObject({ choice: 0 });
    expect(await next('bob')).toMatchObject({ choice: 1 });
    expect(await next('carl')).toBeNull();
    await store.review.release({ completionId: begun.id, choice: 1 }, 'bob');
    const said = await say(store, begun.id, 'ada', { rating: 1 });
    expect(await next('carl')).toEqual({ id: begun.id, choice: 1, reason: 'unrated' });
    await say(store, begun.id, 'carl', { rating: 1, choice: 1 });
    expect(await next('carl')).toBeNull();
    const undone = await say(store, begun.id, 'ada', { undoes: said.id });
    expect(await next('carl')).toEqual({ id: begun.id, choice: 0, reason: 'unrated' });
    await store.review.release({ completionId: begun.id, choice: 0 }, 'carl');
    await say(store, begun.id, 'ada', { undoes: undone.id });
    expect(await next('carl')).toBeNull();
  });

  test('only what may be seen, and what was asked for, is given; nothing that was erased', async () => {
    const store = await (await install()).open();
    const next = nextOf(store);
    const own = await chat(store, [user('a')], 'b', { owner: 'bob', provider: 'openai', model: 'large' });
    const tag = 'short "one" %';
    const envelope = { metadata: { tags: [tag] } };
    const tagged = await chat(store, [user('c')], 'd', { envelope });
    await chat(store, [user('e')], 'f', { envelope: { note: tag } });
    const erased = await chat(store, [user('g')], 'h', { owner: 'bob' });
    await store.chats.erase({ completionId: erased.id });
    const filters: [Partial<ReviewFilter>, string][] = [
      [{ owner: 'bob' }, own.id],
      [{ provider: 'openai' }, own.id],
      [{ model: 'large' }, own.id],
      [{ model: 'openai/large' }, own.id],
      [{ tag }, tagged.id],
    ];
    for (const [filter, id] of filters) {
      expect(await next('ada', filter)).toMatchObject({ id });
      expect(await next('ada', filter)).toBeNull();
      await store.review.release({ completionId: id, choice: 0 }, 'ada');
    }
    expect(await next('ada', { model: 'none' })).toBeNull();
    await say(store, own.id, 'carl', { rating: 1, tags: ['tone'] });
    await say(store, own.id, 'dora', { rating: -1, comment: 'the tag "loud" is missing' });
    expect(await next('ada', { tag: 'loud' })).toBeNull();
    expect(await next('ada', { tag: 'tone', owner: 'eve' })).toBeNull();
    expect(await next('ada', { tag: 'tone' })).toMatchObject({ id: own.id, reason: 'disagreement' });
  });

  test('a hundred at once, of ten raters in two processes, get a hundred answers', async () => {
    const installation = await install();
    const stores = [await installation.open(), await installation.open()];
    const [store] = stores;
    if (!store) throw new Error('no store');
    const ids = await chats(store, 105);
    await stores[1]?.chats.list({}, { limit: 1 });
    const queues = stores.map((one) => nextOf(one));
    const asked = Array.from({ length: 100 }, (_, at) => queues[at % 2]?.(`rater ${at % 10}`));
    const given = (await Promise.all(asked)).map((item) => item?.id);
    expect(new Set(given).size).toBe(100);
    expect(ids).toEqual(expect.arrayContaining(given));
  });

  test('at once with ratings, nothing is given that somebody has rated', async () => {
    const installation = await install();
    const [store, other] = [await installation.open(), await installation.open()];
    const ids = await chats(store, 30);
    const next = nextOf(other);
    const rated = ids.map((id) => say(store, id, 'ada', { rating: 1 }));
    const given = await Promise.all(ids.map(() => next('bob')));
    await Promise.all(rated);
    const claims = await store.review.claims(ids.map((completionId) => ({ completionId, choice: 0 })));
    expect(claims.map(({ completionId }) => completionId).sort()).toEqual(
      given.flatMap((item) => item?.id ?? []).sort(),
    );
    // Whatever is still to be had is unrated, and there is nothing of that.
    for (const { completionId } of claims) await store.review.release({ completionId, choice: 0 }, 'bob');
    expect(await next('bob')).toBeNull();
  });

  test('now and then an answer is asked for again, which nothing tells', async () => {
    const store = await (await install()).open();
    const ids = await chats(store, 4);
    const [first = '', second = '', third = ''] = ids;
    for (const id of [first, second, third]) await say(store, id, 'ada', { rating: 1 });
    const always = nextOf(store, { random: () => 0.01, othersBetween: 2 });
    expect(await always('ada')).toEqual({ id: first, choice: 0, reason: 'unrated' });
    const said = await say(store, first, 'ada', { rating: -1 });
    expect(await store.review.againIn(ids)).toEqual(new Set([said.id]));
    expect(await always('ada')).toMatchObject({ id: second });
    await say(store, second, 'ada', { rating: 1 });
    // A claim of the usual kind is nothing that is compared.
    expect(await nextOf(store)('ada')).toMatchObject({ id: ids[3] });
    await say(store, ids[3] ?? '', 'ada', { rating: 1 });
    const { raters } = await measureAgreement(store);
    expect(raters).toMatchObject([
      { rater: 'ada', ratings: 4, up: 3, again: { ratings: 2, equal: 1, consistency: 0.5 } },
    ]);
  });

  test('nobody is asked again for what is too recent, not theirs to see, or taken back', async () => {
    const store = await (await install()).open();
    const [first = '', second = ''] = await chats(store, 2);
    const said = await say(store, first, 'ada', { rating: 1 });
    await say(store, second, 'ada', { rating: 1 });
    const always = (othersBetween: number) => nextOf(store, { random: () => 0, othersBetween });
    expect(await always(2)('ada')).toBeNull();
    expect(await always(1)('bob')).toBeNull();
    expect(await always(1)('ada', { owner: 'bob' })).toBeNull();
    await say(store, first, 'ada', { undoes: said.id });
    expect(await always(1)('ada')).toEqual({ id: first, choice: 0, reason: 'unrated' });
    const item = await store.feedback.add({ completionId: first, choice: 0, rater: 'ada', rating: -1, source: 'api' });
    expect(await store.review.againIn([first])).not.toContain(item.id);
  });

  test('what was rated before there was a queue is known to it', async () => {
    const installation = await install();
    const before = await installation.open();
    const [disputed = '', alone = '', fresh = ''] = await chats(before, 3);
    await say(before, disputed, 'ada', { rating: 1 });
    await say(before, disputed, 'bob', { rating: -1 });
    await say(before, alone, 'ada', { rating: 1 });
    await before.close();
    for (const text of withoutQueue)
      await withDatabase(installation, () => ({ compile: () => CompiledQuery.raw(text) }));
    const store = await installation.open();
    const next = nextOf(store);
    expect(await next('carl')).toMatchObject({ id: disputed, reason: 'disagreement' });
    expect(await next('carl')).toMatchObject({ id: fresh });
    expect(await next('carl')).toBeNull();
    expect((await measureAgreement(store)).raters.map(({ rater, ratings }) => [rater, ratings])).toEqual([
      ['ada', 2],
      ['bob', 1],
    ]);
  });

  test('agreement is of what is in force, by pair and by rater', async () => {
    const store = await (await install()).open();
    const ids = await chats(store, 4);
    const thumbs: [number, string, -1 | 1][] = [
      [0, 'ada', 1],
      [0, 'bob', -1],
      [0, 'bob', 1],
      [1, 'ada', 1],
      [1, 'bob', 1],
      [2, 'ada', -1],
      [2, 'bob', 1],
      [3, 'ada', 1],
    ];
    for (const [at, rater, rating] of thumbs) await say(store, ids[at] ?? '', rater, { rating });
    const gone = await say(store, ids[3] ?? '', 'bob', { rating: -1 });
    await say(store, ids[3] ?? '', 'bob', { undoes: gone.id });
    await say(store, ids[1] ?? '', 'bob', { score: 0.5 });
    await say(store, ids[1] ?? '', 'carl', { score: 0.75 });
    const found = await measureAgreement(store);
    // Dₒ = 2/6, Dₑ = 10/30.
    expect(found.ratings).toEqual({ alpha: 0, units: 3, values: 6, pairs: 3 });
    expect(found.scores).toMatchObject({ units: 1, values: 2, pairs: 1 });
    expect(found.pairs).toEqual([
      { raters: ['ada', 'bob'], ratings: 3, equal: 2, scores: 0, meanDifference: null },
      { raters: ['bob', 'carl'], ratings: 0, equal: 0, scores: 1, meanDifference: 0.25 },
    ]);
    expect(found.raters).toMatchObject([
      { rater: 'ada', ratings: 4, up: 3, scores: 0 },
      { rater: 'bob', ratings: 3, up: 3, scores: 1, meanScore: 0.5 },
      { rater: 'carl', ratings: 0, scores: 1, meanScore: 0.75, again: { ratings: 0, consistency: null } },
    ]);
  });
}
