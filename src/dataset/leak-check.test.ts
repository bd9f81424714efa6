import { expect, test } from 'vitest';
import { bandTableOf } from './fixtures/documents.ts';
import { draft } from './fixtures/drafts.ts';
import { checkLeaks, refuseLeaks } from './leak-check.ts';
import { pairsAcross } from './near/across.ts';

const said =
  'the parcel of Mrs Miller was sent to Tampere on the third of May and came back on the ninth because nobody was in';

test.each([
  ['a conversation', { nodeKey: 1 }, { nodes: 1 }],
  ['a prompt', { promptKey: 1 }, { prompts: 1 }],
  ['a correction', { corrections: ['c1'] }, { corrections: 1 }],
])('%s that stands in two splits ends the build', (_name, same, counts) => {
  const placed = [
    { draft: draft('a.0', { nodeKey: 1, promptKey: 1, corrections: ['c1'] }), split: 'train' as const },
    {
      draft: draft('b.0', { nodeKey: 2, promptKey: 2, corrections: ['c2'], index: 1, ...same }),
      split: 'test' as const,
    },
  ];
  const leaks = checkLeaks(placed, { jaccard: 0.8, pairs: [], closest: null });
  expect(leaks).toEqual({ nodes: 0, prompts: 0, corrections: 0, pairs: 0, jaccard: 0.8, closest: null, ...counts });
  expect(() => refuseLeaks(leaks)).toThrow(/^The dataset was not written: 1 .+ stand in two splits\./u);
});

test('two answers across splits that are nearly the same end the build, and the closest is named', () => {
  const placed = [
    { draft: draft('a.0'), split: 'train' as const },
    { draft: draft('b.0', { index: 1 }), split: 'val' as const },
    { draft: draft('c.0', { index: 2 }), split: 'train' as const },
  ];
  const documents = bandTableOf([said, `${said} today`, `${said} today`]);
  const pairs = pairsAcross({ ...documents, labels: [0, 1, 0], threshold: 0.8 });
  const leaks = checkLeaks(placed, { jaccard: 0.8, pairs, closest: null });
  expect(leaks).toMatchObject({ pairs: 2, closest: { jaccard: 1, a: 'b.0', b: 'c.0' } });
  expect(() => refuseLeaks(leaks)).toThrow('such as b.0 and c.0');
  const apart = checkLeaks(placed.slice(0, 1), { jaccard: 0.8, pairs: [], closest: { a: 0, b: 1, jaccard: 0.4 } });
  expect(() => refuseLeaks(apart)).not.toThrow();
});
