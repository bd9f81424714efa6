import type { LeakCheck } from '../core/dataset.ts';
import { type Before, unseen } from './before.ts';
import type { Compared } from './compared.ts';
import { type Drafts, type Indexes, keepOf } from './drafts.ts';
import type { Pairs } from './near/pairs.ts';
import { type Placing, checkLeaks, refuseLeaks } from './leak-check.ts';
import { areFewer, byPlaces, pairsAcross, pairsOfFresh } from './near/across.ts';
import { closestAcross } from './near/closest.ts';
import type { NearPair } from './near/clusters.ts';
import { sharingWithFresh } from './near/sharing.ts';
import { type Shares, type Splitting, type Tombstone, createSplitting, unsaid } from './stages/split.ts';

export interface PlaceOptions {
  /** Nodes that belong together; more may come to it. */
  joins: Pairs;
  tombstones: readonly Tombstone[];
  shares: Shares;
  /** Documents of all drafts; null where what is alike is not looked for. */
  near: Compared | null;
}

/**
 * Gives every draft its split, and looks for leaks among those that are chosen. Bands miss one in a hundred pairs that are just alike
 * enough, so pairs across splits are looked for without them, among all drafts: what a stage dropped says as well where its node
 * belongs, or the split would depend on what was dropped. What is found belongs together, and everything is placed again until nothing is.
 */
export function placeDrafts(
  drafts: Drafts,
  chosen: Indexes,
  { joins, tombstones, shares, near }: PlaceOptions,
): Placing & { leaks: LeakCheck | null; splitOf: Splitting['splitOf'] } {
  const nodes = drafts.node.subarray(0, drafts.count);
  const said = near?.before ? saidBefore(near.before, nodes, drafts.nodes.count()) : undefined;
  const splitting = createSplitting({ nodes: drafts.nodes, joins, tombstones, shares, said });
  const { splitOf, saidBy } = splitting;
  const labels = new Uint8Array(nodes.length);
  for (let at = 0; at < nodes.length; at += 1) labels[at] = splitting.labelOf(nodes[at] as number);
  if (near === null) return { chosen, labels, leaks: null, splitOf };
  const pairs = joinAcross(nodes, { labels, splitting, joins, near });
  const closest = closestOf(chosen, labels, near);
  const leaks = checkLeaks(drafts, { chosen, labels }, { jaccard: near.jaccard, pairs, closest });
  if (pairs.length > 0) refuseLeaks(leaks);
  near.keep({ labels, chosen, closest, saidBy });
  return { chosen, labels, leaks, splitOf };
}

/** What nodes say themselves, as far as drafts of theirs were there before. */
function saidBefore({ said }: Before, nodes: Uint32Array, count: number): Uint8Array {
  const known = new Uint8Array(count).fill(unsaid);
  for (let at = 0; at < nodes.length; at += 1) {
    const label = said[at] as number;
    if (label !== unsaid) known[nodes[at] as number] = label;
  }
  return known;
}

interface Across {
  /** Of all drafts; changed here. */
  labels: Uint8Array;
  splitting: Splitting;
  joins: Pairs;
  near: Compared;
}

/**
 * Pairs what is alike across splits until nothing is. Every round moves some draft towards held-out, so that it ends; pairs that
 * a round leaves in two splits are given back, and there are none unless the split does not heed what was joined. Of two drafts
 * that stand where they stood when all pairs had been looked at, be it in the last round or the last build, nothing new is to be
 * found.
 */
function joinAcross(nodes: Uint32Array, { labels, splitting, joins, near }: Across): NearPair[] {
  const { documents, jaccard, before } = near;
  const looked = before ? before.labels.slice() : new Uint8Array(nodes.length).fill(unseen);
  const alike = before && alikeOf(movedSince(looked, labels), nodes, { labels, splitting, near });
  const isApart = ({ a, b }: NearPair): boolean => labels[a] !== labels[b];
  for (;;) {
    const fresh = movedSince(looked, labels);
    if (alike) for (let at = 0; at < fresh.length; at += 1) if (alike.of[at] === 1) fresh[at] = 0;
    const others = fresh.includes(1) ? pairsAcross({ ...documents, labels, threshold: jaccard, fresh }) : [];
    const pairs = alike ? together(alike.pairs.filter(isApart), others) : others;
    if (pairs.length === 0) return [];
    looked.set(labels);
    for (const { a, b } of pairs) {
      const [one, other] = [nodes[a] as number, nodes[b] as number];
      if (one === other) continue;
      joins.add(one, other);
      splitting.join(one, other);
    }
    for (let at = 0; at < nodes.length; at += 1) {
      const node = nodes[at] as number;
      if (splitting.isJoined(node)) labels[at] = splitting.labelOf(node);
    }
    const apart = pairs.filter(isApart);
    if (apart.length > 0) return apart;
  }
}

/** Each pair once, in their order. */
function together(some: readonly NearPair[], others: readonly NearPair[]): NearPair[] {
  const sorted = [...some, ...others].sort(byPlaces);
  return sorted.filter(({ a, b }, at) => at === 0 || sorted[at - 1]?.a !== a || sorted[at - 1]?.b !== b);
}

/** Not 0 for those that do not stand where they stood. */
function movedSince(before: Uint8Array, labels: Uint8Array): Uint8Array {
  const moved = new Uint8Array(labels.length);
  for (let at = 0; at < labels.length; at += 1) if (labels[at] !== before[at]) moved[at] = 1;
  return moved;
}

/** So many times the number of documents a shared shingle may be looked at. */
const mostLooks = 16;

/**
 * Whoever is alike with a fresh document, in whatever splits they are now, so that no round has to look for these again; null where the
 * fresh ones are not few, or have too much in common with others.
 */
function alikeOf(
  fresh: Uint8Array,
  nodes: Uint32Array,
  { labels, splitting, near: { documents, jaccard } }: Pick<Across, 'labels' | 'splitting' | 'near'>,
): { pairs: NearPair[]; of: Uint8Array } | null {
  if (!areFewer(fresh, { count: fresh.length, labels })) return null;
  const isWorth = (a: number, b: number): boolean => !splitting.areJoined(nodes[a] as number, nodes[b] as number);
  const most = mostLooks * documents.count;
  const pairs = pairsOfFresh({ ...documents, threshold: jaccard, fresh, isWorth, most });
  return pairs && { pairs, of: fresh };
}

/** What is less alike than this is of no interest. */
const floor = 0.2;

/** The two rows of the version that are most alike across splits. */
function closestOf(chosen: Indexes, labels: Uint8Array, { documents, before, sharing }: Compared): NearPair | null {
  const left = before && leftToLookAt(chosen, labels, { documents, before, sharing });
  const { among, closest: known } = left ?? { among: chosen, closest: null };
  return closestAcross({ ...documents, among, labels, floor, known });
}

/**
 * The closest two that the last build found, and of which rows others may be found, which are those that share a band with one that
 * is new or does not stand where it stood; null where its closest two are not here as they were.
 */
function leftToLookAt(
  chosen: Indexes,
  labels: Uint8Array,
  { documents: { count, bands }, before, sharing }: Pick<Compared, 'documents' | 'sharing'> & { before: Before },
): { closest: NearPair | null; among: Indexes } | null {
  const { closest } = before;
  /** Those that stand in the version where they stood in it. */
  const isKnown = new Uint8Array(count);
  const moved = new Uint8Array(count);
  for (const document of chosen) {
    if (before.placed[document] !== 0 && before.labels[document] === labels[document]) isKnown[document] = 1;
    else if (before.labels[document] !== unseen) moved[document] = 1;
  }
  if (closest === undefined || (closest && (isKnown[closest.a] === 0 || isKnown[closest.b] === 0))) return null;
  const sharingWithMoved = sharingWithFresh(count, bands, moved);
  const sharingWithNew = sharing();
  return {
    closest,
    among: keepOf(chosen, (document) => sharingWithNew[document] !== 0 || sharingWithMoved[document] !== 0),
  };
}
