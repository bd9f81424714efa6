import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bandTableOf } from './fixtures/documents.ts';
import { draft, tableOf } from './fixtures/drafts.ts';
import { checkLeaks, refuseLeaks } from './leak-check.ts';
import { allDocuments } from './near/band-groups.ts';
import { pairsAcross } from './near/across.ts';

const said =
  'the parcel of Mrs Miller was sent to Tampere on the third of May and came back on the ninth because nobody was in';

/** Everything is in the version. */
const all = (labels: readonly number[]) => ({
  chosen: allDocuments(labels.length),
  labels: Uint8Array.from(labels),
});

test.each([
  ['a conversation', { node: 'n1' }, { nodes: 1 }],
  ['a prompt', { prompt: 1 }, { prompts: 1 }],
  ['a correction', { corrections: ['c1'] }, { corrections: 1 }],
])('%s that stands in two splits ends the build', (_name, same, counts) => {
  const drafts = tableOf([
    draft('a.0', { node: 'n1', prompt: 1, corrections: ['c1'] }),
    draft('b.0', { node: 'n2', prompt: 2, corrections: ['c2'], ...same }),
  ]);
  const leaks = checkLeaks(drafts, all([0, 2]), { jaccard: 0.8, pairs: [], closest: null });
  expect(leaks).toEqual({ nodes: 0, prompts: 0, corrections: 0, pairs: 0, jaccard: 0.8, closest: null, ...counts });
  expect(() => refuseLeaks(leaks)).toThrow(/^The dataset was not written: 1 .+ stand in two splits\./u);
  const left = { ...all([0, 2]), chosen: Uint32Array.of(0) };
  expect(() => refuseLeaks(checkLeaks(drafts, left, { jaccard: 0.8, pairs: [], closest: null }))).not.toThrow();
});

test('two answers across splits that are nearly the same end the build, and the closest is named', () => {
  const drafts = tableOf([draft('a.0'), draft('b.0'), draft('c.0')]);
  const documents = bandTableOf([said, `${said} today`, `${said} today`]);
  const pairs = pairsAcross({ ...documents, labels: [0, 1, 0], threshold: 0.8 });
  const leaks = checkLeaks(drafts, all([0, 1, 0]), { jaccard: 0.8, pairs, closest: null });
  expect(leaks).toMatchObject({ pairs: 2, closest: { jaccard: 1, a: 'b.0', b: 'c.0' } });
  expect(() => refuseLeaks(leaks)).toThrow('such as b.0 and c.0');
  const apart = checkLeaks(drafts, all([0, 1, 0]), { jaccard: 0.8, pairs: [], closest: { a: 0, b: 1, jaccard: 0.4 } });
  expect(() => refuseLeaks(apart)).not.toThrow();
});

test('whatever corrections rows have, those of rows in two splits are counted', () => {
  const row = fc.record({ corrections: fc.array(fc.constantFrom('f1', 'f2', 'f3', 'f4')), label: fc.nat(2) });
  const isCounted = fc.property(fc.array(row, { maxLength: 8 }), (rows) => {
    const drafts = tableOf(
      rows.map(({ corrections }, at) => draft(`${at}.0`, { node: `n${at}`, prompt: at, corrections })),
    );
    const labels = all(rows.map(({ label }) => label));
    const splitsOf = (id: string) =>
      new Set(rows.flatMap(({ corrections, label }) => corrections.filter((one) => one === id).map(() => label))).size;
    const leaking = ['f1', 'f2', 'f3', 'f4'].filter((id) => splitsOf(id) > 1).length;
    expect(checkLeaks(drafts, labels, { jaccard: 0.8, pairs: [], closest: null }).corrections).toBe(leaking);
  });
  fc.assert(isCounted, { numRuns: 300 });
});
