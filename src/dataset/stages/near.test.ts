import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openCompared } from '../compared.ts';
import { byStrength, keepOf } from '../drafts.ts';
import { draft, tableOf } from '../fixtures/drafts.ts';
import { allDocuments } from '../near/band-groups.ts';
import { byHand } from '../near/fixtures/by-hand.ts';
import { documentsAtRandom } from '../near/fixtures/sets.ts';
import { createReport } from '../report.ts';
import { dropNearDuplicates } from './near.ts';

const jaccard = 0.6;

/** Documents, of which stages before have let some go, with how strong each is and of which conversation. */
const cases = documentsAtRandom.chain((documents) => {
  const forEach = <T>(of: fc.Arbitrary<T>) =>
    fc.array(of, { minLength: documents.count, maxLength: documents.count, size: 'max' });
  return fc.record({
    documents: fc.constant(documents),
    times: forEach(fc.nat(20)),
    isThere: forEach(fc.boolean()),
    conversations: forEach(fc.nat(8)),
  });
});

test('of what came this far the strongest stay, and all that is near to one that stays goes, of clusters of any size', () => {
  fc.assert(
    fc.property(cases, ({ documents, times, isThere, conversations }) => {
      const { count } = documents;
      const id = (at: number): string => `${String(at).padStart(3, '0')}.0`;
      const drafts = tableOf(times.map((time, at) => draft(id(at), { at: time, node: `${conversations[at]}` })));
      const input = keepOf(allDocuments(count), (document) => isThere[document] === true);
      const near = openCompared({ documents, jaccard, places: allDocuments(count), rows: count, kept: null });
      const { left } = dropNearDuplicates(input, createReport(drafts.ids.of).stage('near'), drafts, near);
      const apart = (a: number, b: number): boolean => conversations[a] === conversations[b];
      const keepers = byHand(documents, [...input].sort(byStrength(drafts)), { threshold: jaccard, apart });
      expect([...left]).toEqual([...input].filter((document) => keepers[document] === -1));
    }),
    { numRuns: 60 },
  );
});
