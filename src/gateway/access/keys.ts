import { type Principal, localPrincipal } from '../../core/access.ts';
import { RatchetError } from '../../core/errors.ts';
import type { ApiKeyRecord, KeyStore, Millis, TeamRecord } from '../../store/types.ts';
import { digest, parseSecret, sameDigest } from './secret.ts';

export interface AccessOptions {
  keys: Pick<KeyStore, 'list' | 'teams' | 'used'>;
  /** RATCHET_API_KEY: an admin's key that is in no table. */
  rootKey: string | null;
  log: { warn(facts: object, message: string): void };
  /** How soon changes of other processes are seen, in ms. */
  refreshMs?: number;
  /** How often it is noted when keys were last used, in ms. */
  noteMs?: number;
  now?: () => Millis;
}

/** Who may come in, out of memory. */
export interface Access {
  /** Says whose key it is; Unauthorized says what is wrong with it. Synchronous, and in constant time. */
  authenticate(authorization: string | undefined, xApiKey?: string): Principal;
  /** Whether no key is asked for, because there is none. */
  open(): boolean;
  key(id: string): ApiKeyRecord | null;
  keys(): readonly ApiKeyRecord[];
  team(name: string): TeamRecord | null;
  teams(): readonly TeamRecord[];
  /** Reads keys and teams anew; a process calls it after its own changes. */
  refresh(): Promise<void>;
  /** Writes down when keys were last used, which is done now and then otherwise. */
  note(): Promise<void>;
  /** Notes what is left to note; call it before the store is closed. */
  close(): Promise<void>;
}

interface Entry {
  record: ApiKeyRecord;
  hash: Buffer;
  principal: Principal;
}

interface Table {
  keys: ReadonlyMap<string, Entry>;
  teams: ReadonlyMap<string, TeamRecord>;
}

/** Reads keys and teams, and keeps them fresh. Throws StoreUnavailable when they cannot be read the first time. */
export async function createAccess(options: AccessOptions): Promise<Access> {
  const { keys, rootKey, log, refreshMs = 3_000, noteMs = 30_000, now = Date.now } = options;
  const rootHash = rootKey === null ? null : digest(rootKey);
  const used = new Map<string, Millis>();
  let table: Table = { keys: new Map(), teams: new Map() };
  let asked = 0;
  let installed = 0;

  async function refresh(): Promise<void> {
    const turn = ++asked;
    const [records, teams] = await Promise.all([keys.list(), keys.teams()]);
    // A slow reading from before a change must not replace one from after it.
    if (turn < installed) return;
    installed = turn;
    table = toTable(records, teams);
  }

  async function note(): Promise<void> {
    if (used.size === 0) return;
    const times = new Map(used);
    used.clear();
    await keys.used(times);
  }

  const quietly = (act: () => Promise<void>, what: string) => () =>
    void act().catch((error: unknown) => log.warn({ err: error }, what));
  await refresh();
  const timers = [
    setInterval(quietly(refresh, 'API keys could not be read again: those known stay in force'), refreshMs),
    setInterval(quietly(note, 'it could not be noted when API keys were used'), noteMs),
  ];
  for (const timer of timers) timer.unref();
  const open = () => rootHash === null && table.keys.size === 0;

  return {
    authenticate(authorization, xApiKey) {
      if (open()) return localPrincipal;
      const sent = /^Bearer\s+(\S+)\s*$/i.exec(authorization ?? '')?.[1] ?? xApiKey;
      if (sent === undefined) throw refused('No API key was sent');
      const entry = find(table, sent);
      if (entry === null) {
        if (rootHash !== null && sameDigest(digest(sent), rootHash)) return localPrincipal;
        throw refused('The API key is wrong');
      }
      const { record, principal } = entry;
      checkInForce(record, now());
      used.set(record.id, now());
      return principal;
    },
    open,
    key: (id) => table.keys.get(id)?.record ?? null,
    keys: () => [...table.keys.values()].map(({ record }) => record),
    team: (name) => table.teams.get(name) ?? null,
    teams: () => [...table.teams.values()],
    refresh,
    note,
    async close() {
      for (const timer of timers) clearInterval(timer);
      await note();
    },
  };
}

function toTable(records: readonly ApiKeyRecord[], teams: readonly TeamRecord[]): Table {
  const entry = (record: ApiKeyRecord): Entry => {
    const { id: keyId, owner, role, team, record: mode } = record;
    const principal = Object.freeze({ owner, role, keyId, team, record: mode });
    return { record, hash: Buffer.from(record.secretHash, 'hex'), principal };
  };
  return {
    keys: new Map(records.map((record) => [record.id, entry(record)])),
    teams: new Map(teams.map((team) => [team.name, team])),
  };
}

/**
 * The entry of the key that was sent, null when it is none of the table. An id is public: looking it up may take any time.
 * It comes before RATCHET_API_KEY, where holders put theirs for the command line: a revoked one must not come in by that.
 */
function find({ keys }: Table, sent: string): Entry | null {
  const parts = parseSecret(sent);
  const entry = parts === null ? undefined : keys.get(parts.id);
  return entry && parts && sameDigest(digest(parts.secret), entry.hash) ? entry : null;
}

function checkInForce({ revokedAt, expiresAt }: ApiKeyRecord, at: Millis): void {
  if (revokedAt !== null) {
    throw new RatchetError('Unauthorized', 'This API key was revoked: ask an admin for a new one.');
  }
  if (expiresAt !== null && expiresAt <= at) {
    const day = new Date(expiresAt).toISOString().slice(0, 10);
    throw new RatchetError('Unauthorized', `This API key expired on ${day}: ask an admin for a new one.`);
  }
}

function refused(problem: string): RatchetError {
  return new RatchetError('Unauthorized', `${problem}: send it as "Authorization: Bearer …".`);
}
