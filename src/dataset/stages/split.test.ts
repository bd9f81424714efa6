import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Split } from '../../core/dataset.ts';
import { createPairs } from '../near/pairs.ts';
import { createNameIds } from '../name-ids.ts';
import { type Shares, type Tombstone, createSplitting, position } from './split.ts';

type Named = readonly [string, string];

const splittingOf = (joins: readonly Named[], tombstones: readonly Tombstone[], given: Shares) => {
  const nodes = createNameIds();
  const numbered = ([a, b]: Named): [number, number] => [nodes.idOf(a), nodes.idOf(b)];
  for (let at = 0; at <= 30; at += 1) nodes.idOf(`n${at}`);
  const numberedJoins = createPairs();
  for (const join of joins) numberedJoins.add(...numbered(join));
  const splitting = createSplitting({ nodes, joins: numberedJoins, tombstones, shares: given });
  return { ...splitting, join: (one: Named) => splitting.join(...numbered(one)) };
};
const splitNodes = (...given: Parameters<typeof splittingOf>) => splittingOf(...given).splitOf;

const shares = fc.record({
  val: fc.double({ min: 0, max: 0.5, noNaN: true }),
  test: fc.double({ min: 0, max: 0.5, noNaN: true }),
  salt: fc.string(),
});
const node = fc.nat(30).map((number) => `n${number}`);
const join = fc.tuple(node, node);
const ranks: Record<Split, number> = { train: 0, val: 1, test: 2 };

describe('the split', () => {
  test('never parts what is joined, in whatever order, directly or through others', () => {
    fc.assert(
      fc.property(fc.array(join), fc.array(node, { minLength: 1 }), shares, (joins, nodes, given) => {
        const splitOf = splitNodes(joins, [], given);
        for (const [a, b] of joins) expect(splitOf(a)).toBe(splitOf(b));
        const again = splitNodes(joins.map(([a, b]) => [b, a] as const).toReversed(), [], given);
        expect(nodes.map(again)).toEqual(nodes.map(splitOf));
        const later = splittingOf([], [], given);
        for (const one of joins) later.join(one);
        expect(nodes.map(later.splitOf)).toEqual(nodes.map(splitOf));
      }),
    );
  });

  test('moves rows towards held-out only, whatever is added and whatever is forgotten', () => {
    const added = fc.record({ nodes: fc.array(node), joins: fc.array(join) });
    fc.assert(
      fc.property(fc.array(added, { minLength: 1, maxLength: 6 }), fc.array(node), shares, (steps, gone, given) => {
        const nodes = new Set<string>();
        const joins: Named[] = [];
        let before = new Map<string, Split>();
        const check = (now: (name: string) => Split, names: Iterable<string>): void => {
          for (const [name, split] of before) expect(ranks[now(name)]).toBeGreaterThanOrEqual(ranks[split]);
          before = new Map([...names].map((name) => [name, now(name)]));
        };
        for (const step of steps) {
          for (const name of step.nodes) nodes.add(name);
          joins.push(...step.joins.filter(([a, b]) => nodes.has(a) && nodes.has(b)));
          check(splitNodes(joins, [], given), nodes);
        }
        const forgotten = new Set(gone);
        const tombstones: Tombstone[] = gone.map((name) => ({
          node: name,
          joined: joins.flatMap(([a, b]) => (a === name ? [b] : b === name ? [a] : [])),
        }));
        const left = [...nodes].filter((name) => !forgotten.has(name));
        const kept = joins.filter(([a, b]) => !forgotten.has(a) && !forgotten.has(b));
        before = new Map([...before].filter(([name]) => !forgotten.has(name)));
        check(splitNodes(kept, tombstones, given), left);
      }),
    );
  });

  test('keeps the shares on average, and the salt moves nodes', () => {
    const at = (salt: string) => Array.from({ length: 2000 }, (_, index) => position(salt, `n${index}`));
    const share = at('a').filter((value) => value < 0.1).length / 2000;
    expect(share).toBeGreaterThan(0.08);
    expect(share).toBeLessThan(0.12);
    expect(at('a')).not.toEqual(at('b'));
  });
});
