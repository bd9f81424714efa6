import { type Draft, byStrength } from '../draft.ts';
import { type NearPair, findClusters } from '../near/clusters.ts';
import { chooseSurvivors } from '../near/survivors.ts';
import type { StageReport } from '../report.ts';
import type { Contradiction } from './contradictions.ts';
import type { Join } from './split.ts';

export interface NearOptions {
  /** Every draft there is, by its index. */
  all: readonly Draft[];
  /** Bands of their documents. */
  bands: Uint32Array;
  /** Shingles of the document of a draft, by its index. */
  shinglesOf: (index: number) => Uint32Array;
  /** Jaccard index from which on two documents are one. */
  threshold: number;
}

export interface NearFindings {
  left: Draft[];
  /** Nodes that belong together because something that was said in both is alike. */
  joins: Join[];
  contradictions: Contradiction[];
}

/**
 * Drops answers that are nearly the same as a stronger one that stays. An answer that is bad is never near one that is
 * learned unless they say the same, and that is a contradiction.
 */
export function dropNearDuplicates(
  drafts: readonly Draft[],
  stage: StageReport,
  { all, bands, shinglesOf, threshold }: NearOptions,
): NearFindings {
  const documents = { count: all.length, bands, shinglesOf };
  const { root, edges } = findClusters({ ...documents, threshold });
  const apart = (a: number, b: number): boolean => areApart(draftAt(all, a), draftAt(all, b));
  const order = drafts.filter(({ kind }) => kind !== 'prefer').sort(learnedFirst);
  const keepers = chooseSurvivors({ ...documents, order: order.map(({ index }) => index), root, threshold, apart });
  const contradictions: Contradiction[] = [];
  const left = drafts.filter((draft) => {
    const at = keepers[draft.index] ?? -1;
    if (at < 0) return true;
    const keeper = draftAt(all, at);
    if (keeper.kind === draft.kind) stage.drop(draft.id, 'near_duplicate', keeper.id);
    else contradictions.push([draft, keeper]);
    return keeper.kind !== draft.kind;
  });
  return { left, joins: joinsOf(all, edges), contradictions };
}

/** Pairs of documents as pairs of nodes. */
export function joinsOf(drafts: readonly Draft[], edges: readonly NearPair[]): Join[] {
  return edges.flatMap(({ a, b }) => {
    const [one, other] = [draftAt(drafts, a).node, draftAt(drafts, b).node];
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
  return a.node === b.node && a.promptKey !== b.promptKey;
}

function draftAt(drafts: readonly Draft[], index: number): Draft {
  const draft = drafts[index];
  if (!draft) throw new RangeError(`there is no draft ${index}`);
  return draft;
}
