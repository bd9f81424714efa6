import type { Compared } from '../compared.ts';
import { type Draft, byStrength } from '../draft.ts';
import type { Pair } from '../near/clusters.ts';
import { chooseSurvivors } from '../near/survivors.ts';
import type { StageReport } from '../report.ts';
import type { Contradiction } from './contradictions.ts';
import type { Join } from './split.ts';

export interface NearFindings {
  left: Draft[];
  /** Nodes that belong together because something that was said in both is alike. */
  joins: Join[];
  contradictions: Contradiction[];
}

/**
 * Drops answers that are nearly the same as a stronger one that stays; `all` are the drafts by their index. An answer that is bad is
 * never near one that is learned unless they say the same, and that is a contradiction.
 */
export function dropNearDuplicates(
  drafts: readonly Draft[],
  stage: StageReport,
  all: readonly Draft[],
  { documents, jaccard: threshold, similarity, clusters }: Compared,
): NearFindings {
  const { root, edges } = clusters();
  const apart = (a: number, b: number): boolean => areApart(draftAt(all, a), draftAt(all, b));
  const isAlone = aloneIn(root);
  const some = drafts.filter(({ kind, index }) => kind !== 'prefer' && !isAlone(index));
  const byCluster = Map.groupBy(some, ({ index }) => root[index]).values();
  const order = [...byCluster].flatMap((cluster) => cluster.sort(learnedFirst).map(({ index }) => index));
  const keepers = chooseSurvivors({ ...documents, order, root, threshold, apart, similarity });
  const contradictions: Contradiction[] = [];
  const left = drafts.filter((draft) => {
    const at = keepers[draft.index] ?? -1;
    if (at < 0) return true;
    const keeper = draftAt(all, at);
    if (keeper.kind === draft.kind) stage.drop(draft.id, 'near_duplicate', keeper.id);
    else contradictions.push([draft, keeper]);
    return keeper.kind !== draft.kind;
  });
  return {
    left,
    joins: joinsOf(
      all.map(({ nodeKey }) => nodeKey),
      edges,
    ),
    contradictions,
  };
}

/** Whether nothing is in a cluster with a document, as it is with most: then nothing stands for it. */
function aloneIn(root: Int32Array): (index: number) => boolean {
  const sizes = new Uint32Array(root.length);
  for (let at = 0; at < root.length; at += 1) (sizes[root[at] as number] as number) += 1;
  return (index) => sizes[root[index] as number] === 1;
}

/** Pairs of documents as pairs of their nodes. */
export function joinsOf(nodes: ArrayLike<number>, edges: readonly Pair[]): Join[] {
  return edges.flatMap(({ a, b }) => {
    const [one = 0, other = 0] = [nodes[a], nodes[b]];
    return one === other ? [] : [[one, other] as const];
  });
}

function learnedFirst(a: Draft, b: Draft): number {
  if (a.kind !== b.kind) return a.kind === 'learn' ? -1 : 1;
  return byStrength(a, b);
}

/** Turns of one conversation are not each other, and a good and a bad answer only where they say the same. */
function areApart(a: Draft, b: Draft): boolean {
  if (a.kind !== b.kind) return a.bareKey !== b.bareKey;
  return a.nodeKey === b.nodeKey && a.promptKey !== b.promptKey;
}

function draftAt(drafts: readonly Draft[], index: number): Draft {
  const draft = drafts[index];
  if (!draft) throw new RangeError(`there is no draft ${index}`);
  return draft;
}
