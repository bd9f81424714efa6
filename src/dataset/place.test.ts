import { expect, test } from 'vitest';
import { bandTableOf } from './fixtures/documents.ts';
import { draft } from './fixtures/drafts.ts';
import { placeDrafts } from './place.ts';
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
  const drafts = [draft('a.0', { node: train }), draft('b.0', { node: test_ }), draft('c.0', { node: 'other' })];
  const documents = bandTableOf([said, `${said} indeed`, 'something else entirely that nobody else has ever said']);
  const joins: Join[] = [];
  const { placed, leaks } = placeDrafts(drafts, { joins, tombstones: [], shares, near: { documents, jaccard: 0.8 } });
  expect(placed.slice(0, 2).map(({ split }) => split)).toEqual(['test', 'test']);
  expect(joins).toEqual([[train, test_]]);
  expect(leaks).toMatchObject({ pairs: 0, nodes: 0 });
  const without = placeDrafts(drafts, { joins: [], tombstones: [], shares, near: null });
  expect(without.placed.slice(0, 2).map(({ split }) => split)).toEqual(['train', 'test']);
});
