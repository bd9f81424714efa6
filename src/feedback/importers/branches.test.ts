import fc from 'fast-check';
import { expect, test } from 'vitest';
import { branchBefore } from './branches.ts';

test('a branch goes up to the beginning, and never round', () => {
  const parents = fc.array(fc.option(fc.nat(12), { freq: 4 }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(parents, (list) => {
      const tree = new Map(
        list.map((parent, id) => [String(id), { id: String(id), parent: parent === null ? null : String(parent) }]),
      );
      for (const id of tree.keys()) {
        const chain = [...branchBefore(tree, id).map((node) => node.id), id];
        expect(new Set(chain).size).toBe(chain.length);
        expect(chain.slice(1).map((one) => tree.get(one)?.parent)).toEqual(chain.slice(0, -1));
        const before = tree.get(tree.get(chain[0] ?? '')?.parent ?? '');
        expect(before === undefined || chain.includes(before.id)).toBe(true);
      }
    }),
  );
});
