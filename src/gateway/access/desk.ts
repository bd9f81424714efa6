import { RatchetError } from '../../core/errors.ts';
import type { ApiKeyRecord, KeyStore, NewApiKey, TeamRecord } from '../../store/types.ts';
import type { Access } from './keys.ts';
import { makeSecret } from './secret.ts';

/** What of a key may be changed. */
export type KeyChange = Partial<Pick<ApiKeyRecord, 'role' | 'team' | 'limits' | 'budget' | 'record' | 'expiresAt'>>;

/** A key, and its only showing: it is kept nowhere. */
export interface Issued {
  record: ApiKeyRecord;
  key: string;
}

/** Issues, changes and revokes keys. What it does is in force in this process when its promise resolves. */
export interface KeyDesk {
  /** InvalidInput when it is the first key and not an admin's; NotFound for the team; Conflict for the name. */
  create(key: Omit<NewApiKey, 'secretHash'>): Promise<Issued>;
  /** Gives a key a new secret; the old one is refused from now on. */
  rotate(id: string): Promise<Issued>;
  /** Conflict when nobody would be left who may issue keys. */
  update(id: string, change: KeyChange): Promise<ApiKeyRecord>;
  /** Idempotent; Conflict as in `update`. */
  revoke(id: string): Promise<ApiKeyRecord>;
  get(id: string): Promise<ApiKeyRecord>;
  /** Oldest first, revoked ones too. */
  list(): Promise<ApiKeyRecord[]>;
  putTeam(team: Omit<TeamRecord, 'createdAt'>): Promise<TeamRecord>;
  teams(): Promise<TeamRecord[]>;
}

export interface DeskOptions {
  keys: KeyStore;
  access: Pick<Access, 'open' | 'refresh' | 'note'>;
  /** Whether RATCHET_API_KEY is set, with which an admin always gets in. */
  hasRootKey: boolean;
  /** Called after every change. */
  onChange?: () => Promise<void>;
}

/** Creates the desk over the table of keys. */
export function createKeyDesk({ keys, access, hasRootKey, onChange = async () => {} }: DeskOptions): KeyDesk {
  const get = (id: string) => find(keys, id);

  /** Whoever takes the last admin's key away locks everybody out. */
  async function checkAdminLeft(id: string): Promise<void> {
    if (hasRootKey || (await keys.list()).some((key) => key.id !== id && isLastingAdmin(key))) return;
    const message = 'This is the last admin key that lasts: create another, or set RATCHET_API_KEY, first.';
    throw new RatchetError('Conflict', message);
  }

  async function inForce(): Promise<void> {
    await access.refresh();
    await onChange();
  }

  return {
    async create(key) {
      if (access.open()) checkFirst(key);
      await checkTeam(keys, key.team);
      const { id, key: secret, secretHash } = makeSecret();
      const record = await keys.create({ ...key, secretHash }, id);
      await inForce();
      return { record, key: secret };
    },
    async rotate(id) {
      const { revokedAt } = await get(id);
      if (revokedAt !== null) throw new RatchetError('Conflict', 'This key was revoked: create a new one.');
      const { key, secretHash } = makeSecret(id);
      await keys.update(id, { secretHash });
      await inForce();
      return { record: await get(id), key };
    },
    async update(id, change) {
      const before = await get(id);
      await checkTeam(keys, change.team);
      if (isLastingAdmin(before) && !isLastingAdmin({ ...before, ...change })) await checkAdminLeft(id);
      await keys.update(id, change);
      await inForce();
      return get(id);
    },
    async revoke(id) {
      if (isLastingAdmin(await get(id))) await checkAdminLeft(id);
      await keys.revoke(id);
      await inForce();
      return get(id);
    },
    async get(id) {
      await access.note();
      return get(id);
    },
    async list() {
      await access.note();
      return keys.list();
    },
    ...teamDesk(keys, inForce),
  };
}

function teamDesk(keys: KeyStore, inForce: () => Promise<void>): Pick<KeyDesk, 'putTeam' | 'teams'> {
  return {
    async putTeam(team) {
      await keys.putTeam(team);
      await inForce();
      const found = (await keys.teams()).find(({ name }) => name === team.name);
      if (!found) throw new RatchetError('Bug', `The team "${team.name}" is gone as soon as it was written.`);
      return found;
    },
    teams: () => keys.teams(),
  };
}

async function find(keys: KeyStore, id: string): Promise<ApiKeyRecord> {
  const record = await keys.get(id);
  if (!record) throw new RatchetError('NotFound', `There is no API key "${id.slice(0, 100)}": list them first.`);
  return record;
}

function checkFirst({ role, expiresAt }: Omit<NewApiKey, 'secretHash'>): void {
  if (role === 'admin' && expiresAt === null) return;
  const message =
    'The first key must be an admin key that does not expire: create one, or set RATCHET_API_KEY, before others.';
  throw new RatchetError('InvalidInput', message, { details: { param: 'role' } });
}

async function checkTeam(keys: KeyStore, name: string | null | undefined): Promise<void> {
  if (name === null || name === undefined || (await keys.teams()).some((team) => team.name === name)) return;
  throw new RatchetError('NotFound', `There is no team "${name}": make it with "ratchet team set ${name}" first.`);
}

function isLastingAdmin({ role, revokedAt, expiresAt }: ApiKeyRecord): boolean {
  return role === 'admin' && revokedAt === null && expiresAt === null;
}
