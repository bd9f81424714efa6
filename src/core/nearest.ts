/**
 * The candidates that are most like a name, nearest first; at most `count`, and none that have little in common with it: at
 * most `farthest` edits for each of its characters.
 */
export function nearestNames(name: string, candidates: readonly string[], count = 3, farthest = 0.6): string[] {
  const wanted = name.toLowerCase();
  return candidates
    .map((candidate) => ({ candidate, distance: distanceTo(wanted, candidate.toLowerCase()) }))
    .filter(({ distance }) => distance <= farthest)
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, count)
    .map(({ candidate }) => candidate);
}

/** Edits per character; a part of the other counts as near, with or without the provider's name and the tag. */
function distanceTo(wanted: string, candidate: string): number {
  const bare = candidate.slice(candidate.indexOf('/') + 1);
  if (bare.includes(wanted) || wanted.includes(bare)) return 0.3;
  const untagged = bare.replace(/:[^:]*$/, '');
  return Math.min(
    ...[candidate, bare, untagged].map((form) => edits(wanted, form) / Math.max(wanted.length, form.length, 1)),
  );
}

/** Levenshtein distance. */
function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
