import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Before, unseen } from './before.ts';
import { type Compared, type Found, openCompared } from './compared.ts';
import { splits } from '../core/dataset.ts';
import { bandTableOf } from './fixtures/documents.ts';
import { type DraftFields, draft, tableOf } from './fixtures/drafts.ts';
import { createPairs } from './near/pairs.ts';
import { allDocuments } from './near/band-groups.ts';
import type { Documents } from './near/documents.ts';
import { documentsAtRandom, reorder } from './near/fixtures/sets.ts';
import { sharingWithFresh } from './near/sharing.ts';
import { type PlaceOptions, placeDrafts } from './place.ts';
import { position } from './stages/split.ts';

const said =
  'the parcel was sent to Tampere on the third of May and came back on the ninth because nobody was at home then';

test('what is alike across splits is joined and placed again, also where nothing joined it before', () => {
  const shares = { val: 0.25, test: 0.25, salt: 's' };
  const nodes = Array.from({ length: 60 }, (_, at) => `n${at}`);
  const [train = '', test_ = ''] = [0.9, 0.1].map((where) =>
    nodes.find((node) => Math.abs(position('s', node) - where) < 0.1),
  );
  const drafts = [draft('a.0', { node: train }), draft('b.0', { node: test_ }), draft('c.0', { node: 'other' })];
  const documents = bandTableOf([said, `${said} indeed`, 'something else entirely that nobody else has ever said']);
  const near = openCompared({ documents, jaccard: 0.8, places: [0, 1, 2], rows: 3, kept: null });
  const joins = createPairs();
  const { placed, leaks, named } = place(drafts, [0, 1, 2], { joins, shares, near });
  expect(placed.slice(0, 2)).toEqual(['test', 'test']);
  expect(named).toEqual([[train, test_]]);
  expect(leaks).toMatchObject({ pairs: 0, nodes: 0 });
  const dropped = place(drafts, [0, 2], { joins: createPairs(), shares, near });
  // What is alike is not in the version, and yet says where the other stands: the same as where it is.
  expect(dropped.placed).toEqual(placed.toSpliced(1, 1));
  const without = place(drafts, [0, 1, 2], { joins: createPairs(), shares, near: null });
  expect(without.placed.slice(0, 2)).toEqual(['train', 'test']);
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
        const drafts = which.map((document) => draft(`d${document}`, { node: `n${document}` }));
        const picked = [...allDocuments(drafts.length)].filter((at) => isChosen[which[at] ?? 0]);
        const some_ = reorder(documents, which);
        const fresh = which.map((_, at) => Number(before?.labels[at] === unseen));
        const sharing = () => sharingWithFresh(which.length, some_.bands, fresh);
        const near = { ...comparedOf(some_, which), before, sharing };
        const found: Found[] = [];
        const joins = createPairs();
        const options = { joins, shares, near: { ...near, keep: (one: Found) => found.push(one) } };
        const { placed, leaks, named } = place(drafts, picked, options);
        return {
          facts: { leaks, named, placed: placed.map((split, at) => [which[picked[at] ?? 0], split]) },
          found: found[0],
        };
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

/** The splits of those that are chosen, and the joins by the names of the nodes. */
function place(
  fields: readonly DraftFields[],
  chosen: readonly number[],
  options: Pick<PlaceOptions, 'joins' | 'shares' | 'near'>,
) {
  const drafts = tableOf(fields);
  const { labels, leaks } = placeDrafts(drafts, Uint32Array.from(chosen), { tombstones: [], ...options });
  const placed = chosen.map((draft_) => splits[labels[draft_] ?? 0]);
  const named: string[][] = [];
  options.joins.each((...join) => named.push(join.map(drafts.nodes.nameOf)));
  return { placed, leaks, named };
}

function comparedOf(documents: Documents, which: readonly number[]): Compared {
  const some = { ...documents, count: which.length };
  return openCompared({ documents: some, jaccard: 0.6, places: which, rows: which.length, kept: null });
}

/** What was found of some documents, under the numbers that they have among all. */
function formerOf({ labels, chosen, closest }: Found, some: readonly number[], count: number): Before {
  const none = () => new Uint8Array(count);
  const before = {
    labels: none().fill(unseen),
    said: none().fill(unseen),
    placed: none(),
    crowded: none(),
    torn: none(),
    edges: createPairs(),
  };
  for (const [at, document] of some.entries()) before.labels[document] = labels[at] ?? unseen;
  for (const one of chosen) before.placed[some[one] ?? 0] = 1;
  return { ...before, closest: closest && { ...closest, a: some[closest.a] ?? 0, b: some[closest.b] ?? 0 } };
}
