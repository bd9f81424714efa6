import { type Before, inCrowd, inVersion, saidUnit, translate, unseen } from './before.ts';
import { type Findings, createRemembering, noNumber, writeFindings } from './findings.ts';
import type { Drafts } from './drafts.ts';
import type { Placing } from './leak-check.ts';
import { leftToFind } from './left-to-find.ts';
import { type Clusters, type NearPair, findClusters } from './near/clusters.ts';
import type { Documents } from './near/documents.ts';
import { type Pairs, createPairs } from './near/pairs.ts';
import { createNumbers } from './numbers.ts';
import { once } from './once.ts';
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
  /** Who shares a band with a document that was not there before, with these: not 0 for them. */
  sharing(): Uint8Array;
  /** Keeps what was found for the next build; of this kind once. */
  keep(found: Found): void;
}

/** Clusters with all pairs that hold them together. */
export interface AllClusters extends Pick<Clusters, 'root' | 'crowded'> {
  edges: Pairs;
}

export interface Found extends Placing {
  /** Which split a node says itself. */
  saidBy(node: number): number;
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
  kept: Kept | null;
}

/** What is kept from build to build. */
export interface Kept {
  history: RowHistory;
  /** What the last build found; null where there is nothing, or it cannot be used. */
  findings: Findings | null;
  /** Names what nodes say of their splits by. */
  shares: string;
  /** Numbers of nodes and prompts, by document. */
  drafts: Pick<Drafts, 'node' | 'prompt'>;
}

function withAllEdges({ root, crowded, edges }: Clusters, known?: Pairs): AllClusters {
  const all = createPairs();
  known?.each(all.add);
  for (const { a, b } of edges) all.add(a, b);
  return { root, crowded, edges: all };
}

/** A number for each pair. */
function keysOf(pairs: Pairs, keyOf: (a: number, b: number) => number): Float64Array {
  const keys = createNumbers();
  pairs.each((a, b) => keys.add(keyOf(a, b)));
  return keys.all();
}

function everybody({ count }: Documents): Uint8Array {
  return new Uint8Array(count).fill(1);
}

/** With nothing known, and nothing kept. */
function comparedAnew(documents: Documents, jaccard: number, similarity: Similarity): Compared {
  return {
    documents,
    jaccard,
    similarity,
    before: null,
    clusters: () => withAllEdges(findClusters({ ...documents, threshold: jaccard, similarity })),
    sharing: () => everybody(documents),
    keep: () => undefined,
  };
}

/** Opens what is kept of the last build's comparing. */
export function openCompared({ documents, jaccard, places, rows, kept }: Sources): Compared {
  const compare = similarityBy(documents.shinglesOf);
  if (kept === null) return comparedAnew(documents, jaccard, compare);
  const { history, findings, drafts, shares } = kept;
  const placeOf = (document: number): number => places[document] as number;
  const formerPlaceOf = (document: number): number => history.formerPlaceOf(placeOf(document));
  const { similarity, found } = createRemembering(compare, { before: findings, placeOf, formerPlaceOf, rows });
  const before = findings && translate(findings, { count: documents.count, shares, formerPlaceOf });
  const left = once(() => before && leftToFind(documents, before));
  let alike: AllClusters | null = null;
  return {
    documents,
    jaccard,
    similarity,
    before,
    clusters() {
      const { among, known } = left() ?? {};
      const clusters = findClusters({
        ...documents,
        threshold: jaccard,
        similarity,
        ...(known && { known }),
        ...(among && { among }),
      });
      alike = withAllEdges(clusters, known);
      return alike;
    },
    sharing: () => left()?.sharing ?? everybody(documents),
    keep({ labels, chosen, closest, saidBy }) {
      const { crowded, edges = createPairs() } = alike ?? {};
      const told = new Uint8Array(labels.length);
      for (let document = 0; document < told.length; document += 1) {
        const said = saidBy(drafts.node[document] as number) * saidUnit;
        told[document] = (labels[document] as number) + said + (crowded?.[document] ? inCrowd : 0);
      }
      for (const document of chosen) (told[document] as number) += inVersion;
      const byPlace = {
        labels: new Uint8Array(rows).fill(unseen),
        nodes: new Uint32Array(rows).fill(noNumber),
        prompts: new Uint32Array(rows).fill(noNumber),
      };
      for (let document = 0; document < told.length; document += 1) {
        const place = placeOf(document);
        byPlace.labels[place] = told[document] as number;
        byPlace.nodes[place] = drafts.node[document] as number;
        byPlace.prompts[place] = drafts.prompt[document] as number;
      }
      const named = closest && { ...closest, a: placeOf(closest.a), b: placeOf(closest.b) };
      writeFindings(history.findingsPath, history.now, {
        ...byPlace,
        threshold: jaccard,
        shares,
        closest: named,
        edges: keysOf(edges, (a, b) => placeOf(a) * rows + placeOf(b)),
        ...found(),
      });
    },
  };
}
