import type { Compared } from '../compared.ts';
import { type Drafts, type Indexes, byStrength, learn, prefer } from '../drafts.ts';
import type { Pair } from '../near/clusters.ts';
import { chooseSurvivors } from '../near/survivors.ts';
import type { StageReport } from '../report.ts';
import type { Contradiction } from './contradictions.ts';
import type { Join } from './split.ts';

export interface NearFindings {
  left: Indexes;
  /** Nodes that belong together because something that was said in both is alike. */
  joins: Join[];
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
  const { kind, ids, node } = drafts;
  const isAlone = aloneIn(root);
  const some = input.filter((draft) => kind[draft] !== prefer && !isAlone(draft));
  const byCluster = Map.groupBy(some, (draft) => root[draft]).values();
  const order = [...byCluster].flatMap((cluster) => cluster.sort(learnedFirst(drafts)));
  const keepers = chooseSurvivors({ ...documents, order, root, threshold, apart: areApart(drafts), similarity });
  const contradictions: Contradiction[] = [];
  const left = input.filter((draft) => {
    const keeper = keepers[draft] as number;
    if (keeper < 0) return true;
    const isSame = kind[keeper] === kind[draft];
    if (isSame) stage.drop(ids.of(draft), 'near_duplicate', ids.of(keeper));
    else contradictions.push([draft, keeper]);
    return !isSame;
  });
  return { left, joins: joinsOf(node, edges), contradictions };
}

/** Whether nothing is in a cluster with a document, as it is with most: then nothing stands for it. */
function aloneIn(root: Int32Array): (draft: number) => boolean {
  const sizes = new Uint32Array(root.length);
  for (let at = 0; at < root.length; at += 1) (sizes[root[at] as number] as number) += 1;
  return (draft) => sizes[root[draft] as number] === 1;
}

/** Pairs of documents as pairs of their nodes. */
export function joinsOf(nodes: ArrayLike<number>, edges: readonly Pair[]): Join[] {
  const joins: Join[] = [];
  for (const { a, b } of edges) {
    const [one = 0, other = 0] = [nodes[a], nodes[b]];
    if (one !== other) joins.push([one, other]);
  }
  return joins;
}

function learnedFirst(drafts: Drafts): (a: number, b: number) => number {
  const { kind } = drafts;
  const stronger = byStrength(drafts);
  return (a, b) => (kind[a] === kind[b] ? stronger(a, b) : kind[a] === learn ? -1 : 1);
}

/** Turns of one conversation are not each other, and a good and a bad answer only where they say the same. */
function areApart({ kind, bare, node, prompt }: Drafts): (a: number, b: number) => boolean {
  return (a, b) => (kind[a] === kind[b] ? node[a] === node[b] && prompt[a] !== prompt[b] : bare[a] !== bare[b]);
}
