/** Sets of numbers that grow together. A set is named by its smallest member, whatever the order of joining. */
export interface UnionFind {
  find(member: number): number;
  join(a: number, b: number): void;
  /** The name of every number's set. */
  roots(): Int32Array;
}

export function createUnionFind(count: number): UnionFind {
  const parent = new Int32Array(count);
  for (let member = 0; member < count; member += 1) parent[member] = member;
  const up = (member: number) => parent[member] as number;
  const find = (member: number): number => {
    let at = member;
    while (up(at) !== at) {
      parent[at] = up(up(at));
      at = up(at);
    }
    return at;
  };
  return {
    find,
    join(a, b) {
      const first = find(a);
      const second = find(b);
      parent[Math.max(first, second)] = Math.min(first, second);
    },
    roots() {
      const names = new Int32Array(count);
      // A parent is no larger, so that its own name is known by then.
      for (let member = 0; member < count; member += 1) {
        const above = up(member);
        names[member] = above === member ? member : (names[above] as number);
      }
      return names;
    },
  };
}
