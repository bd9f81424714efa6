import { createHash } from 'node:crypto';
import type { Split } from '../../core/dataset.ts';
import { type Candidate, type Stage, readAll } from '../stage.ts';

export interface SplitCandidate extends Candidate {
  split: Split;
}

export interface Shares {
  val: number;
  test: number;
  salt: string;
}

/**
 * Gives every row a split by a salted hash of its conversation's node, so that a node never parts and stays where it was
 * when more is collected. Nodes that share a normalised prompt move as one. When every node falls outside `train`, the
 * one that is nearest to it is moved there.
 */
export function createSplitStage(shares: Shares): Stage<Candidate, SplitCandidate> {
  return async function* split(input) {
    const candidates = await readAll(input);
    const groupOf = groupNodes(candidates);
    const splits = splitGroups(new Set(groupOf.values()), shares);
    for (const candidate of candidates) {
      const group = groupOf.get(candidate.row.meta.node) ?? candidate.row.meta.node;
      yield { ...candidate, split: splits.get(group) ?? 'train' };
    }
  };
}

/** A number in [0, 1) from salt and node: the first 48 bits of SHA-256 over both. */
export function position(salt: string, node: string): number {
  const digest = createHash('sha256').update(`${salt}\0${node}`).digest();
  return digest.readUIntBE(0, 6) / 2 ** 48;
}

function splitGroups(groups: ReadonlySet<string>, shares: Shares): Map<string, Split> {
  const splits = new Map<string, Split>();
  let last: { group: string; at: number } | null = null;
  for (const group of groups) {
    const at = position(shares.salt, group);
    splits.set(group, at < shares.val ? 'val' : at < shares.val + shares.test ? 'test' : 'train');
    if (!last || at > last.at) last = { group, at };
  }
  if (last) splits.set(last.group, 'train');
  return splits;
}

/** Each node's group, named by the smallest of the nodes that are joined by an equal prompt (union-find). */
function groupNodes(candidates: readonly Candidate[]): Map<string, string> {
  const parent = new Map<string, string>();
  const find = (node: string): string => {
    let root = node;
    for (let up = parent.get(root); up !== undefined && up !== root; up = parent.get(root)) root = up;
    return root;
  };
  const nodeOfPrompt = new Map<string, string>();
  for (const { row, promptKey } of candidates) {
    const a = find(row.meta.node);
    const b = find(nodeOfPrompt.get(promptKey) ?? row.meta.node);
    nodeOfPrompt.set(promptKey, row.meta.node);
    const [root, child] = a < b ? [a, b] : [b, a];
    parent.set(root, root);
    parent.set(child, root);
  }
  return new Map([...parent.keys()].map((node) => [node, find(node)]));
}
