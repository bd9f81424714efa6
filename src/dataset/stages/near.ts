import type { Compared } from '../compared.ts';
import { type Drafts, type Indexes, byStrength, keepOf, learn, prefer } from '../drafts.ts';
import { membersOf } from '../near/members.ts';
import type { Pairs } from '../near/pairs.ts';
import { chooseSurvivors } from '../near/survivors.ts';
import type { StageReport } from '../report.ts';
import type { Contradiction } from './contradictions.ts';

export interface NearFindings {
  left: Indexes;
  /** Pairs that hold clusters together. */
  edges: Pairs;
  contradictions: Contradiction[];
}

/**
 * Drops answers that are nearly the same as a stronger one that stays. An answer that is bad is never near one that is learned unless
 * they say the same, and that is a contradiction.
 */
export function dropNearDuplicates(
  input: Indexes,
  stage: StageReport,
  drafts: Drafts,
  { documents, jaccard: threshold, similarity, clusters }: Compared,
): NearFindings {
  const { root, edges } = clusters();
  const { kind } = drafts;
  const pairs = pairsByCluster(edges, root);
  const pairsOf = (draft: number): number => pairs[root[draft] as number] as number;
  const some = keepOf(input, (draft) => pairsOf(draft) > 0 && kind[draft] !== prefer);
  const options = {
    ...documents,
    clusters: strongestFirst(membersOf(some, root, drafts.count), drafts),
    isOfOnePair: (draft: number) => pairsOf(draft) === 1,
    threshold,
    apart: areApart(drafts),
    similarity,
  };
  const keepers = chooseSurvivors(options);
  const contradictions: Contradiction[] = [];
  const left = keepOf(input, (draft) => {
    const keeper = keepers[draft] as number;
    // Nothing stands for most.
    if (keeper < 0) return true;
    const isSame = kind[keeper] === kind[draft];
    if (isSame) stage.dropDraft(draft, 'near_duplicate', keeper);
    else contradictions.push([draft, keeper]);
    return !isSame;
  });
  return { left, edges, contradictions };
}

/** How many pairs hold each cluster together, by its name: 2 stands for more. */
function pairsByCluster(edges: Pairs, root: Int32Array): Uint8Array {
  const pairs = new Uint8Array(root.length);
  edges.each((a) => {
    const name = root[a] as number;
    pairs[name] = pairs[name] === 0 ? 1 : 2;
  });
  return pairs;
}

/** Two of different nodes that are alike belong together. */
export function joinAlike(joins: Pairs, nodes: Uint32Array, edges: Pairs): void {
  edges.each((a, b) => {
    const [one, other] = [nodes[a] as number, nodes[b] as number];
    if (one !== other) joins.add(one, other);
  });
}

function* strongestFirst(clusters: Iterable<number[]>, drafts: Drafts): Generator<number[]> {
  const { kind } = drafts;
  const stronger = byStrength(drafts);
  // What is learned comes before what is bad.
  const order = (a: number, b: number): number => (kind[a] === kind[b] ? stronger(a, b) : kind[a] === learn ? -1 : 1);
  for (const cluster of clusters) {
    const [one = 0, other = 0] = cluster;
    // Most are of two, of which one look says the order.
    if (cluster.length > 2) yield cluster.sort(order);
    else yield order(one, other) < 0 ? cluster : cluster.reverse();
  }
}

/** Turns of one conversation are not each other, and a good and a bad answer only where they say the same. */
function areApart({ kind, bare, node, prompt }: Drafts): (a: number, b: number) => boolean {
  return (a, b) => (kind[a] === kind[b] ? node[a] === node[b] && prompt[a] !== prompt[b] : bare[a] !== bare[b]);
}
