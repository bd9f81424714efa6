import { hash } from 'node:crypto';
import { type Split, splits } from '../../core/dataset.ts';
import { type Pairs, createPairs } from '../near/pairs.ts';
import type { NameIds } from '../name-ids.ts';
import { createUnionFind } from '../near/union-find.ts';

export interface Shares {
  val: number;
  test: number;
  salt: string;
}

/** A node that was forgotten, with those that it was joined with. */
export interface Tombstone {
  node: string;
  joined: readonly string[];
}

/** Says the split of nodes, and learns of more that belong together. */
export interface Splitting {
  join(one: number, other: number): void;
  /** Whether a node belongs together with another. */
  isJoined(node: number): boolean;
  /** Whether two are in one set, and so in one split whatever is joined. */
  areJoined(one: number, other: number): boolean;
  /** The place of the split that a node says itself. */
  saidBy(node: number): number;
  /** The place of a node's split among `splits`. */
  labelOf(node: number): number;
  /** The split of a node by its name, also of one that has no number. */
  splitOf(name: string): Split;
}

/** Nodes by their numbers; those of tombstones come to them. */
interface Splitted {
  nodes: NameIds;
  joins: Pairs;
  tombstones: readonly Tombstone[];
  shares: Shares;
  /** The places of splits that nodes say themselves, as far as that is known: `unsaid` where it is not. */
  said?: Uint8Array | undefined;
}

const none = new Uint8Array();

/** What is not known yet. */
export const unsaid = 255;

/**
 * The split of every node, a pure rule: a node says test, val or train by the salted hash of its id, and joined nodes are test
 * if any of them says test, else val if any says val. So what is added, or forgotten and leaves a tombstone, moves others
 * towards held-out only.
 */
export function createSplitting({ nodes, joins, tombstones, shares, said = none }: Splitted): Splitting {
  const buried = createPairs();
  for (const { node, joined } of tombstones)
    for (const other of joined) buried.add(nodes.idOf(node), nodes.idOf(other));
  const count = nodes.count();
  const sets = createUnionFind(count);
  const joined = new Uint8Array(count);
  /** By the name of the set; labels are in the order of strictness. */
  const labels = new Uint8Array(count).fill(unsaid);
  labels.set(said);
  /** By node. */
  const own = labels.slice();

  function labelOfSet(root: number): number {
    const known = labels[root] as number;
    if (known !== unsaid) return known;
    const label = sayingOf(nodes.nameOf(root), shares);
    // Nothing was asked of it, so that it is by itself still.
    own[root] = label;
    labels[root] = label;
    return label;
  }

  const labelOf = (node: number): number => labelOfSet(sets.find(node));

  function join(a: number, b: number): void {
    const [one, other] = [sets.find(a), sets.find(b)];
    if (one === other) return;
    const label = Math.max(labelOfSet(one), labelOfSet(other));
    sets.join(one, other);
    labels[sets.find(one)] = label;
    joined[a] = 1;
    joined[b] = 1;
  }

  joins.each(join);
  buried.each(join);
  return {
    join,
    isJoined: (node) => joined[node] === 1,
    areJoined: (one, other) => sets.find(one) === sets.find(other),
    labelOf,
    saidBy: (node) => own[node] as number,
    splitOf(name) {
      const node = nodes.find(name);
      const label = node < 0 || node >= count ? sayingOf(name, shares) : labelOf(node);
      return splits[label] ?? 'train';
    },
  };
}

/** A number in [0, 1) from salt and node: the first 48 bits of SHA-256 over both. */
export function position(salt: string, node: string): number {
  const digest = hash('sha256', `${salt}\0${node}`, 'binary');
  let number = 0;
  for (let byte = 0; byte < 6; byte += 1) number = number * 256 + digest.charCodeAt(byte);
  return number / 2 ** 48;
}

/** The place of the split among `splits`. */
function sayingOf(node: string, { val, test, salt }: Shares): number {
  const at = position(salt, node);
  return at < test ? 2 : at < test + val ? 1 : 0;
}
