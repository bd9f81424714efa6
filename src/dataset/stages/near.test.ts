import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openCompared } from '../compared.ts';
import { type Drafts, byStrength, keepOf } from '../drafts.ts';
import { draft, tableOf } from '../fixtures/drafts.ts';
import { allDocuments } from '../near/band-groups.ts';
import { candidatesOf, documentsAtRandom } from '../near/fixtures/sets.ts';
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

/** The rule as it is said: the strongest first, each beside all that stay. */
function byHand(input: Iterable<number>, drafts: Drafts, isNear: (a: number, b: number) => boolean): number[] {
  const kept: number[] = [];
  for (const one of [...input].sort(byStrength(drafts))) if (!kept.some((other) => isNear(one, other))) kept.push(one);
  return kept.sort((a, b) => a - b);
}

test('of what came this far the strongest stay, and all that is near to one that stays goes, of clusters of any size', () => {
  fc.assert(
    fc.property(cases, ({ documents, times, isThere, conversations }) => {
      const { count } = documents;
      const id = (at: number): string => `${String(at).padStart(3, '0')}.0`;
      const drafts = tableOf(times.map((time, at) => draft(id(at), { at: time, node: `${conversations[at]}` })));
      const input = keepOf(allDocuments(count), (document) => isThere[document] === true);
      const near = openCompared({ documents, jaccard, places: allDocuments(count), rows: count, kept: null });
      const { left } = dropNearDuplicates(input, createReport(drafts.ids.of).stage('near'), drafts, near);
      const pairs = candidatesOf(documents).filter((pair) => pair.jaccard >= jaccard);
      const names = new Set(pairs.flatMap(({ a, b }) => [`${a} ${b}`, `${b} ${a}`]));
      const isNear = (a: number, b: number): boolean => names.has(`${a} ${b}`) && conversations[a] !== conversations[b];
      expect([...left]).toEqual(byHand(input, drafts, isNear));
    }),
    { numRuns: 60 },
  );
});
