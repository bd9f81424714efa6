import fc from 'fast-check';
import { expect, test } from 'vitest';
import { membersOf } from './members.ts';

test('the members of each set are those that have its name, but for those that are alone', () => {
  const names = fc.array(fc.nat(6), { minLength: 7, maxLength: 30 });
  fc.assert(
    fc.property(names, fc.infiniteStream(fc.boolean()), (nameOf, isGiven) => {
      const some = Uint32Array.from([...nameOf.keys()].filter(() => isGiven.next().value));
      const expected = [...Map.groupBy(some, (member) => nameOf[member]).values()].filter(({ length }) => length > 1);
      const found = Array.from(membersOf(some, nameOf, nameOf.length), (members) => [...members]);
      expect(found).toEqual(expected);
    }),
  );
});
