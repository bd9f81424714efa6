import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Drafts, type Indexes, byStrength } from '../drafts.ts';
import { type DraftFields, draft, tableOf } from '../fixtures/drafts.ts';
import { allDocuments } from '../near/band-groups.ts';
import { createReport } from '../report.ts';
import { keepBalance } from './caps.ts';
import { setAsideContradictions } from './contradictions.ts';
import { dropDuplicates, dropOverruled } from './duplicates.ts';
import { limitRaters } from './rater-limits.ts';

/** Runs a stage; ids that are left, and what was dropped. */
function run(
  stage: (input: Indexes, counts: ReturnType<ReturnType<typeof createReport>['stage']>, drafts: Drafts) => Indexes,
  fields: readonly DraftFields[],
) {
  const drafts = tableOf(fields);
  const report = createReport(drafts.ids.of);
  const left = [...stage(allDocuments(drafts.count), report.stage('it'), drafts)].map((one) => drafts.ids.of(one));
  return { left, dropped: Object.fromEntries(report.leftOut().map(({ id, reason, of }) => [id, of ?? reason])) };
}

function strongestOf(fields: readonly DraftFields[]): string {
  const drafts = tableOf(fields);
  const [first = 0] = allDocuments(drafts.count).sort(byStrength(drafts));
  return drafts.ids.of(first);
}

const off = {
  max_examples: null,
  max_per_conversation: null,
  max_same_base_share: null,
  max_source_share: null,
  max_topic_share: null,
};

describe('duplicates', () => {
  const same = { prompt: 1, answer: 2 };

  test('the strongest word of people stays: a correction, more raters, the newer, the smaller id', () => {
    const ranked = [
      draft('e.0', { ...same, signal: 'corrected', at: 1 }),
      draft('d.0', { ...same, raters: ['anna', 'ben'], at: 2 }),
      draft('c.0', { ...same, at: 9 }),
      draft('a.0', { ...same, at: 3 }),
      draft('b.0', { ...same, at: 3 }),
    ];
    for (const [rank, strongest] of ranked.entries()) {
      const { left, dropped } = run(dropDuplicates, ranked.slice(rank).toReversed());
      expect(left).toEqual([strongest.id]);
      expect(Object.values(dropped).every((of) => of === strongest.id)).toBe(true);
    }
  });

  test('strength is a total order, and the survivor has the strongest signal of its group', () => {
    const one = fc.record({
      id: fc.uuid(),
      at: fc.nat(3),
      signal: fc.constantFrom('corrected' as const, 'approved' as const),
      raters: fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1 }),
      prompt: fc.constantFrom(1, 2),
      answer: fc.constantFrom(3, 4),
    });
    const many = fc.uniqueArray(one, { selector: ({ id }) => id, minLength: 1 });
    fc.assert(
      fc.property(many, (given) => {
        const drafts = given.map(({ id, ...rest }) => draft(id, rest));
        const { left } = run(dropDuplicates, drafts);
        const groups = Map.groupBy(drafts, ({ prompt, answer }) => `${prompt} ${answer}`);
        const strongest = [...groups.values()].map(strongestOf);
        expect(left.toSorted()).toEqual(strongest.toSorted());
        expect(run(dropDuplicates, drafts.toReversed()).left.toSorted()).toEqual(left.toSorted());
      }),
    );
  });

  test('a good and a bad answer that are equal are not duplicates, and a correction overrules approvals of its prompt', () => {
    const good = draft('a.0', same);
    expect(run(dropDuplicates, [good, draft('b.0', { ...same, kind: 'reject', signal: null })]).left).toHaveLength(2);
    const corrected = draft('c.0', { prompt: 1, signal: 'corrected' });
    expect(run(dropOverruled, [good, corrected, draft('d.0')])).toEqual({
      left: ['c.0', 'd.0'],
      dropped: { 'a.0': 'c.0' },
    });
  });
});

test('contradictions are set aside, both sides of them, with what they contradict', () => {
  const good = draft('a.0', { prompt: 1, bare: 1 });
  const bad = draft('b.0', { prompt: 1, bare: 1, kind: 'reject', signal: null });
  const pair = draft('c.0>d.0', { prompt: 2, answer: 3, worse: 4, kind: 'prefer' });
  const opposite = draft('d.0>c.0', { prompt: 2, answer: 4, worse: 3, kind: 'prefer' });
  const other = draft('e.0', { prompt: 1, bare: 2, kind: 'reject', signal: null });
  const near = [draft('f.0'), draft('g.0', { kind: 'reject', signal: null })];
  const all = [good, bad, pair, opposite, other, ...near];
  expect(run((input, stage, drafts) => setAsideContradictions(input, stage, drafts, [[5, 6]]), all)).toEqual({
    left: ['e.0'],
    dropped: { 'a.0': 'b.0', 'b.0': 'a.0', 'c.0>d.0': 'd.0>c.0', 'd.0>c.0': 'c.0>d.0', 'f.0': 'g.0', 'g.0': 'f.0' },
  });
});

describe('limits', () => {
  const many = (count: number, change: (at: number) => Partial<DraftFields>): DraftFields[] =>
    Array.from({ length: count }, (_, at) => draft(`${String(at).padStart(3, '0')}.0`, { at, ...change(at) }));

  test('a rater, a topic, a model and the models of the base keep to their share, and the weakest go', () => {
    const most = 0.5;
    const drafts = many(100, (at) => ({ raters: [at < 80 ? 'anna' : at < 90 ? 'ben' : 'cora'] }));
    const { left, dropped } = run(
      (given, stage, table) => limitRaters(given, stage, table, { burst: null, max_rater_share: most }),
      drafts,
    );
    expect(left).toHaveLength(40);
    expect(Object.keys(dropped)).toEqual(drafts.slice(0, 60).map(({ id }) => id));
    const topics = many(100, (at) => ({ topic: at < 90 ? 'travel' : null }));
    expect(
      run(
        (given, stage, table) =>
          keepBalance(given, stage, table, { caps: { ...off, max_topic_share: 0.6 }, ofBase: new Set() }),
        topics,
      ).left,
    ).toHaveLength(25);
    const models = many(100, (at) => ({ author: at < 90 ? 'ollama/one' : at < 95 ? 'person' : 'ollama/two' }));
    const balance = (caps: Partial<typeof off>, ofBase: string[]) =>
      run(
        (given, stage, table) =>
          keepBalance(given, stage, table, { caps: { ...off, ...caps } as never, ofBase: new Set(ofBase) }),
        models,
      ).left.length;
    expect(balance({ max_source_share: 0.5 as never }, [])).toBe(20);
    expect(balance({ max_same_base_share: 0.75 as never }, ['ollama/one', 'ollama/two'])).toBe(20);
  });

  test('a share that cannot be met, as with one rater, drops nothing', () => {
    const { left } = run(
      (given, stage, table) => limitRaters(given, stage, table, { burst: null, max_rater_share: 0.4 }),
      many(10, () => ({})),
    );
    expect(left).toHaveLength(10);
  });

  test('whatever is limited, every group ends within its share or was never over it', () => {
    const one = fc.record({ rater: fc.constantFrom('a', 'b', 'c', 'd'), size: fc.integer({ min: 1, max: 500 }) });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 60 }), fc.double({ min: 0.3, max: 1, noNaN: true }), (given, most) => {
        const drafts = given.map(({ rater, size }, at) => draft(`${at}.0`, { raters: [rater], size, at }));
        const { left } = run(
          (some, stage, table) => limitRaters(some, stage, table, { burst: null, max_rater_share: most }),
          drafts,
        );
        const groups = Map.groupBy(
          drafts.filter(({ id }) => left.includes(id)),
          ({ raters }) => raters[0],
        );
        const total = drafts.filter(({ id }) => left.includes(id)).reduce((sum, { size }) => sum + size, 0);
        const possible = new Set(given.map(({ rater }) => rater)).size >= 1 / most;
        for (const group of possible ? groups.values() : []) {
          expect(group.reduce((sum, { size }) => sum + size, 0)).toBeLessThanOrEqual(most * total + 1e-9);
        }
      }),
    );
  });

  test('ratings that come faster than anybody reads are set aside, corrections and others’ ratings are not', () => {
    const rated = (at: number, more: Partial<DraftFields> = {}): Partial<DraftFields> => ({
      ratings: [{ rater: 'anna', at, good: true }],
      ...more,
    });
    const quick = many(20, (at) =>
      rated(at * 1000, at === 3 ? { signal: 'corrected' } : at === 4 ? { raters: ['anna', 'ben'] } : {}),
    );
    const slow = [
      draft('x.0', rated(500_000)),
      draft('y.0', { ratings: [{ rater: 'ben', at: 5000, good: true }], raters: ['ben'] }),
    ];
    const limits = { burst: { ratings: 10, seconds: 20 }, max_rater_share: null };
    const { left } = run((given, stage, table) => limitRaters(given, stage, table, limits), [...quick, ...slow]);
    expect(left).toEqual(['003.0', '004.0', 'x.0', 'y.0']);
    const fewer = { burst: { ratings: 21, seconds: 20 }, max_rater_share: null };
    expect(
      run((given, stage, table) => limitRaters(given, stage, table, fewer), [...quick, ...slow]).left,
    ).toHaveLength(22);
  });

  test('a conversation and the whole keep to their numbers, corrections first, then the newest', () => {
    const drafts = many(12, (at) => ({
      node: at < 6 ? 'c' : `c${at}`,
      ...(at === 0 && { signal: 'corrected' as const }),
    }));
    const balance = (caps: Partial<typeof off>) =>
      run(
        (given, stage, table) => keepBalance(given, stage, table, { caps: { ...off, ...caps }, ofBase: new Set() }),
        drafts,
      ).left;
    expect(balance({ max_per_conversation: 2 as never })).toEqual([
      '000.0',
      '005.0',
      ...drafts.slice(6).map(({ id }) => id),
    ]);
    expect(balance({ max_examples: 3 as never })).toEqual(['000.0', '010.0', '011.0']);
  });
});
