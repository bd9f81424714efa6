/** What a key may do; each role may do all that those before it may. */
export const roles = ['chat', 'rate', 'operate', 'admin'] as const;
export type Role = (typeof roles)[number];

/** How much of a chat is kept: all, figures only, or nothing but sums. */
export const recordModes = ['all', 'meta', 'none'] as const;
export type RecordMode = (typeof recordModes)[number];

/** Calls and tokens per minute; null is no limit. */
export interface RateLimits {
  rpm: number | null;
  tpm: number | null;
}

export interface Budget {
  /** In billionths of a US dollar. */
  limitNanos: number;
  per: 'day' | 'month' | 'total';
  /** What happens when it is spent: `stop`, or a model ref that is asked instead. */
  over: string;
}

/** Who sent a request. */
export interface Principal {
  /** The person, or the program, that the key belongs to; `local` without keys. */
  owner: string;
  role: Role;
  /** Null when the request came without a key of the table. */
  keyId: string | null;
  team: string | null;
  record: RecordMode;
}

/** Whoever reaches the loopback while there is no key, and the holder of RATCHET_API_KEY. */
export const localPrincipal: Principal = { owner: 'local', role: 'admin', keyId: null, team: null, record: 'all' };

/** Whether a role includes another. */
export function includesRole(has: Role, needed: Role): boolean {
  return roles.indexOf(has) >= roles.indexOf(needed);
}

/** The mode of several that keeps least. */
export function strictest(modes: readonly RecordMode[]): RecordMode {
  return modes.reduce((least, mode) => (recordModes.indexOf(mode) > recordModes.indexOf(least) ? mode : least), 'all');
}
