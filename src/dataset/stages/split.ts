import { hash } from 'node:crypto';
import type { Split } from '../../core/dataset.ts';
import { type Sets, createSets } from '../sets.ts';

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

/** Nodes that belong together. */
export type Join = readonly [string, string];

/** Says the split of a node, whatever else there is. */
export type SplitOf = (node: string) => Split;

/**
 * The split of every node, a pure rule: a node says test, val or train by the salted hash of its id, and joined nodes are test
 * if any of them says test, else val if any says val. So what is added, or forgotten and leaves a tombstone, moves others
 * towards held-out only.
 */
export function splitNodes(joins: Iterable<Join>, tombstones: readonly Tombstone[], shares: Shares): SplitOf {
  const sets = createSets();
  for (const [a, b] of joins) sets.join(a, b);
  for (const { node, joined } of tombstones) for (const other of joined) sets.join(node, other);
  const verdicts = verdictsOf(sets, shares);
  return (node) => verdicts.get(sets.find(node)) ?? sayingOf(node, shares);
}

/** A number in [0, 1) from salt and node: the first 48 bits of SHA-256 over both. */
export function position(salt: string, node: string): number {
  return Number.parseInt(hash('sha256', `${salt}\0${node}`).slice(0, 12), 16) / 2 ** 48;
}

function sayingOf(node: string, { val, test, salt }: Shares): Split {
  const at = position(salt, node);
  return at < test ? 'test' : at < test + val ? 'val' : 'train';
}

const ranks: Record<Split, number> = { train: 0, val: 1, test: 2 };

function verdictsOf(sets: Sets, shares: Shares): Map<string, Split> {
  const verdicts = new Map<string, Split>();
  for (const node of sets.members()) {
    const root = sets.find(node);
    const said = sayingOf(node, shares);
    const before = verdicts.get(root);
    if (before === undefined || ranks[said] > ranks[before]) verdicts.set(root, said);
  }
  return verdicts;
}
