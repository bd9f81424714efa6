/**
 * The members of each set that has two or more of them among those that are given, ascending; `nameOf` says by number the set's name, and
 * all are below `count`. What is given is written over when the next is asked for, and may be.
 */
export function* membersOf(some: Uint32Array, nameOf: ArrayLike<number>, count: number): Generator<number[]> {
  /** By name one more than the first member, and by member one more than the next. */
  const [first, next] = [new Uint32Array(count), new Uint32Array(count)];
  for (let at = some.length - 1; at >= 0; at -= 1) {
    const member = some[at] as number;
    const name = nameOf[member] as number;
    next[member] = first[name] as number;
    first[name] = member + 1;
  }
  const members: number[] = [];
  for (let at = 0; at < some.length; at += 1) {
    const start = (some[at] as number) + 1;
    const isFirst = first[nameOf[start - 1] as number] === start;
    if (!isFirst || next[start - 1] === 0) continue;
    members.length = 0;
    for (let member = start; member !== 0; member = next[member - 1] as number) members.push(member - 1);
    yield members;
  }
}
