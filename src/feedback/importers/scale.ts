/** The numbers that were seen of one kind of score. */
export interface Seen {
  lowest: number;
  highest: number;
}

/** A number more. */
export function see(seen: Seen | undefined, value: number): Seen {
  return { lowest: Math.min(seen?.lowest ?? value, value), highest: Math.max(seen?.highest ?? value, value) };
}

/**
 * A score as a share in [0, 1]. No file says its scale, so it is the smallest usual one that holds every score of the kind: 0 to 1,
 * -1 to 1, 1 to 5, 0 to 5, 1 to 10, 0 to 10, 0 to 100. Nothing for a score that is on none.
 */
export function shareOn({ lowest, highest }: Seen, value: number): number | undefined {
  const scale = scales.find(([from, to]) => lowest >= from && highest <= to);
  if (!scale || !Number.isFinite(value)) return undefined;
  const [from, to] = scale;
  return Math.min(1, Math.max(0, (value - from) / (to - from)));
}

const scales = [
  [0, 1],
  [-1, 1],
  [1, 5],
  [0, 5],
  [1, 10],
  [0, 10],
  [0, 100],
] as const;

const good = new Set([
  'up',
  'good',
  'yes',
  'true',
  'like',
  'liked',
  'positive',
  'thumbs_up',
  'thumbsup',
  'correct',
  '👍',
  '+',
]);
const bad = new Set([
  'down',
  'bad',
  'no',
  'false',
  'dislike',
  'disliked',
  'negative',
  'thumbs_down',
  'thumbsdown',
  'incorrect',
  'wrong',
  '👎',
  '-',
]);

/** A rating in a word; nothing for any other. */
export function ratingIn(word: string): 1 | -1 | undefined {
  const said = word
    .trim()
    .toLowerCase()
    .replaceAll(/[\s-]+(?=.)/g, '_');
  if (good.has(said)) return 1;
  return bad.has(said) || bad.has(word.trim()) ? -1 : undefined;
}
