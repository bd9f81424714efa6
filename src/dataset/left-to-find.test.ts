import { expect, test } from 'vitest';
import { type Before, unseen } from './before.ts';
import { leftToFind } from './left-to-find.ts';
import { mix } from './near/mix.ts';
import { createPairs } from './near/pairs.ts';
import { bandCount } from './near/signature.ts';

const count = 8;
/** No two share a band but the last two. */
const bands = Uint32Array.from({ length: count * bandCount }, (_, at) => mix(at));
bands[6 * bandCount] = bands[7 * bandCount] as number;
const documents = { count, bands, shinglesOf: () => new Uint32Array(1) };

function before(change: Partial<Record<'labels' | 'crowded' | 'torn', readonly number[]>>): Before {
  const marked = (documentsOf: readonly number[] = [], mark = 1) =>
    new Uint8Array(count).map((_, at) => (documentsOf.includes(at) ? mark : 0));
  const { labels, crowded, torn } = change;
  const edges = createPairs();
  edges.add(0, 1);
  edges.add(1, 2);
  edges.add(3, 6);
  const marks = { labels: marked(labels, unseen), said: marked(), crowded: marked(crowded), torn: marked(torn) };
  return { ...marks, placed: marked(), edges, closest: null };
}

const [first, second] = ['0-1 1-2', '3-6'];
test.each([
  ['nothing is new', {}, [], `${first} ${second}`],
  ['one is new that is near none', { labels: [5] }, [5], `${first} ${second}`],
  ['one is new that shares a band with one of a cluster', { labels: [7] }, [3, 6, 7], first],
  ['one is gone that was in a cluster', { torn: [1] }, [0, 1, 2], second],
  ['one is in a large group', { crowded: [4] }, [4], `${first} ${second}`],
  ['one of a cluster is in a large group', { crowded: [0] }, [0, 1, 2], second],
])('%s', (_name, change, among, known) => {
  const left = leftToFind(documents, before(change));
  expect([...left.among]).toEqual(among);
  const pairs: string[] = [];
  left.known.each((a, b) => pairs.push(`${a}-${b}`));
  expect(pairs.join(' ')).toBe(known);
});
