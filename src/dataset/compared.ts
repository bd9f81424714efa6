import { type Before, inCrowd, inVersion, translate, unseen } from './before.ts';
import { createRemembering, readFindings, writeFindings } from './findings.ts';
import type { Placing } from './leak-check.ts';
import { leftToFind } from './left-to-find.ts';
import { type Clusters, type NearPair, type Pair, findClusters } from './near/clusters.ts';
import type { Documents } from './near/documents.ts';
import { type Similarity, similarityBy } from './near/similarity.ts';
import type { RowHistory } from './rows/cache.ts';

/** The documents of a build, with what the last build found of those that are here again. */
export interface Compared {
  documents: Documents;
  /** Jaccard index from which on two are alike. */
  jaccard: number;
  /** Their similarity where it reaches that, else −1. */
  similarity: Similarity;
  before: Before | null;
  /** Who is alike, to be found once. */
  clusters(): AllClusters;
  /** Keeps what was found for the next build; of this kind once. */
  keep(found: Found): void;
}

/** Clusters with all pairs that hold them together. */
export interface AllClusters extends Pick<Clusters, 'root' | 'crowded'> {
  edges: readonly Pair[];
}

export interface Found extends Placing {
  closest: NearPair | null;
}

interface Sources {
  documents: Documents;
  jaccard: number;
  /** The place of each document's row in the collection. */
  places: ArrayLike<number>;
  /** How many rows there are. */
  rows: number;
  /** Null where nothing is kept. */
  history: RowHistory | null;
}

/** Opens what is kept of the last build's comparing. */
export function openCompared({ documents, jaccard, places, rows, history }: Sources): Compared {
  const compare = similarityBy(documents.shinglesOf);
  if (history === null) {
    const clusters = (): AllClusters => findClusters({ ...documents, threshold: jaccard, similarity: compare });
    return { documents, jaccard, similarity: compare, before: null, clusters, keep: () => undefined };
  }
  const { findingsPath, before: formerRows, now } = history;
  const findings = formerRows === null ? null : readFindings(findingsPath, formerRows, jaccard);
  const formerPlaces = history.formerPlaces();
  const placeOf = (document: number): number => places[document] as number;
  const formerPlaceOf = (document: number): number => formerPlaces[placeOf(document)] ?? -1;
  const { similarity, found } = createRemembering(compare, { before: findings, placeOf, formerPlaceOf, rows });
  const before = findings && translate(findings, documents.count, formerPlaceOf);
  let alike: AllClusters | null = null;
  return {
    documents,
    jaccard,
    similarity,
    before,
    clusters() {
      const left = before && leftToFind(documents, before);
      const clusters = findClusters({ ...documents, threshold: jaccard, similarity, ...left });
      alike = { ...clusters, edges: [...(left?.known ?? []), ...clusters.edges] };
      return alike;
    },
    keep({ labels, chosen, closest }) {
      const { crowded, edges = [] } = alike ?? {};
      const told = labels.map((label, document) => (crowded?.[document] ? label + inCrowd : label));
      for (const document of chosen) (told[document] as number) += inVersion;
      const byPlace = new Uint8Array(rows).fill(unseen);
      for (let document = 0; document < told.length; document += 1)
        byPlace[placeOf(document)] = told[document] as number;
      const named = closest && { ...closest, a: placeOf(closest.a), b: placeOf(closest.b) };
      writeFindings(findingsPath, now, {
        threshold: jaccard,
        labels: byPlace,
        closest: named,
        edges: Float64Array.from(edges, ({ a, b }) => placeOf(a) * rows + placeOf(b)),
        ...found(),
      });
    },
  };
}
