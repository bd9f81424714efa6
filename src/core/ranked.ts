/** Who may say a value; the first that does has the word. */
export const ranks = ['request', 'model', 'provider', 'file', 'environment', 'kind'] as const;
export type Rank = (typeof ranks)[number];

/** What one of them says; undefined where it says nothing. */
export interface Said<T> {
  rank: Rank;
  /** Where it stands: `ratchet.json: providers.groq.base_url`, `GROQ_API_BASE (.env)`. */
  place: string;
  value: T | undefined;
}

/** A value that is in force, and where it comes from. */
export interface Explained<T> {
  value: T;
  source: Rank | 'default';
  /** Empty for a default. */
  place: string;
  /** Places that were told something else, and have no word. */
  over: string[];
}

/** The value that is in force: the highest rank's, and within a rank the first that was given. */
export function inForce<T>(said: readonly Said<T>[], otherwise: T): Explained<T> {
  const spoken = ranks
    .flatMap((rank) => said.filter((one) => one.rank === rank))
    .flatMap(({ rank, place, value }) => (value === undefined ? [] : [{ rank, place, value }]));
  const [first, ...rest] = spoken;
  if (!first) return { value: otherwise, source: 'default', place: '', over: [] };
  // What a kind says by itself was told by nobody.
  const over = rest.filter(({ rank }) => rank !== 'kind').map(({ place }) => place);
  return { value: first.value, source: first.rank, place: first.place, over };
}
