/** How many names are remembered. */
const most = 10_000;
const names = new Map<string, string>();
const lists = new Map<string, readonly string[]>();

let last = '';

/** One string for all that are equal, of which there are few. */
export function shared(text: string): string {
  if (text !== last) last = remembered(names, text, text);
  return last;
}

/** One list for all that have the same names, of which there are few. */
export function sharedList(list: readonly string[]): readonly string[] {
  return remembered(lists, list.length === 1 ? (list[0] ?? '') : JSON.stringify(list), list);
}

function remembered<T>(known: Map<string, T>, key: string, value: T): T {
  const before = known.get(key);
  if (before !== undefined) return before;
  if (known.size >= most) known.clear();
  known.set(key, value);
  return value;
}
