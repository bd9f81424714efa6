import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Before, unseen } from './before.ts';
import { type Compared, type Found, openCompared } from './compared.ts';
import type { Draft } from './draft.ts';
import { bandTableOf } from './fixtures/documents.ts';
import { draft } from './fixtures/drafts.ts';
import { createNameIds } from './name-ids.ts';
import type { Documents } from './near/documents.ts';
import { documentsAtRandom, reorder } from './near/fixtures/sets.ts';
import { type PlaceOptions, placeDrafts } from './place.ts';
import { position } from './stages/split.ts';
import type { Join } from './stages/split.ts';

const said =
  'the parcel was sent to Tampere on the third of May and came back on the ninth because nobody was at home then';

test('what is alike across splits is joined and placed again, also where nothing joined it before', () => {
  const shares = { val: 0.25, test: 0.25, salt: 's' };
  const nodes = Array.from({ length: 60 }, (_, at) => `n${at}`);
  const [train = '', test_ = ''] = [0.9, 0.1].map((where) =>
    nodes.find((node) => Math.abs(position('s', node) - where) < 0.1),
  );
  const drafts = [draft('a.0', { node: train }), draft('b.0', { node: test_ }), draft('c.0', { node: 'other' })].map(
    (one, index) => ({ ...one, index }),
  );
  const documents = bandTableOf([said, `${said} indeed`, 'something else entirely that nobody else has ever said']);
  const near = openCompared({ documents, jaccard: 0.8, places: [0, 1, 2], rows: 3, history: null });
  const joins: Join[] = [];
  const { placed, leaks, named } = place(drafts, drafts, { joins, shares, near });
  expect(placed.slice(0, 2).map(({ split }) => split)).toEqual(['test', 'test']);
  expect(named).toEqual([[train, test_]]);
  expect(leaks).toMatchObject({ pairs: 0, nodes: 0 });
  const dropped = place(drafts, drafts.toSpliced(1, 1), { joins: [], shares, near });
  // What is alike is not in the version, and yet says where the other stands: the same as where it is.
  expect(dropped.placed.map(({ split }) => split)).toEqual(placed.toSpliced(1, 1).map(({ split }) => split));
  const without = place(drafts, drafts, { joins: [], shares, near: null });
  expect(without.placed.slice(0, 2).map(({ split }) => split)).toEqual(['train', 'test']);
});

test('with what was found before, where rows came, went out of the version or moved, all is placed as without', () => {
  const cases = documentsAtRandom.chain((documents) => {
    const each = fc.array(fc.boolean(), { minLength: documents.count, maxLength: documents.count });
    const salt = fc.string({ maxLength: 3 });
    return fc.record({ documents: fc.constant(documents), salt, former: each, formerly: each, chosen: each });
  });
  fc.assert(
    fc.property(cases, ({ documents, salt, former, formerly, chosen }) => {
      const shares = { val: 0.3, test: 0.3, salt };
      const placeSome = (which: readonly number[], isChosen: readonly boolean[], before: Before | null) => {
        const drafts = which.map((document, index) => draft(`d${document}`, { node: `n${document}`, index }));
        const picked = drafts.filter((_, at) => isChosen[which[at] ?? 0]);
        const near = { ...comparedOf(reorder(documents, which), which), before };
        const found: Found[] = [];
        const joins: Join[] = [];
        const options = { joins, shares, near: { ...near, keep: (one: Found) => found.push(one) } };
        const { placed, leaks, named } = place(drafts, picked, options);
        return { facts: { leaks, named, placed: placed.map((one) => [one.draft.id, one.split]) }, found: found[0] };
      };
      const all = Array.from({ length: documents.count }, (_, document) => document);
      const some = all.filter((document) => former[document]);
      const { found } = placeSome(some, formerly, null);
      const before = found ? formerOf(found, some, documents.count) : null;
      expect(placeSome(all, chosen, before).facts).toEqual(placeSome(all, chosen, null).facts);
    }),
    { numRuns: 150 },
  );
});

/** Places drafts by the names of their nodes. */
function place(
  all: readonly Draft[],
  chosen: readonly Draft[],
  options: Pick<PlaceOptions, 'joins' | 'shares' | 'near'>,
) {
  const names = createNameIds();
  const nodes = Uint32Array.from(all, ({ node }) => names.idOf(node));
  const placed = placeDrafts(nodes, chosen, { names, tombstones: [], ...options });
  return { ...placed, named: options.joins.map((join) => join.map(names.nameOf)) };
}

function comparedOf(documents: Documents, which: readonly number[]): Compared {
  const some = { ...documents, count: which.length };
  return openCompared({ documents: some, jaccard: 0.6, places: which, rows: which.length, history: null });
}

/** What was found of some documents, under the numbers that they have among all. */
function formerOf({ labels, placed, closest }: Found, some: readonly number[], count: number): Before {
  const none = () => new Uint8Array(count);
  const before = { labels: none().fill(unseen), placed: none(), crowded: none(), torn: none(), edges: [] };
  for (const [at, document] of some.entries()) before.labels[document] = labels[at] ?? unseen;
  for (const { draft: one } of placed) before.placed[some[one.index] ?? 0] = 1;
  return { ...before, closest: closest && { ...closest, a: some[closest.a] ?? 0, b: some[closest.b] ?? 0 } };
}
