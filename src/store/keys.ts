import { RatchetError } from '../core/errors.ts';
import type { Role } from '../core/access.ts';
import { type Database, isConstraint, statement } from './database.ts';
import { now } from './ids.ts';
import { decodeJson, encodeJson } from './json.ts';
import type { ApiKeyTable, Schema } from './schema.ts';
import type { ApiKeyRecord, KeyStore, NewApiKey, TeamRecord } from './types.ts';

type KeySettings = Pick<ApiKeyRecord, 'limits' | 'budget' | 'record'>;

/** API keys and teams. A key's secret is never here, only its hash. */
export function createKeyStore(database: Database): KeyStore {
  return { ...keysOf(database), ...teamsOf(database) };
}

function keysOf(database: Database): Omit<KeyStore, 'putTeam' | 'teams'> {
  const { build } = database;

  async function get(id: string): Promise<ApiKeyRecord | null> {
    const [row] = await database.read(build.selectFrom('api_key').selectAll().where('id', '=', id));
    return row ? toKey(row) : null;
  }

  async function require(id: string): Promise<ApiKeyRecord> {
    const key = await get(id);
    if (!key) throw new RatchetError('NotFound', `There is no API key "${id.slice(0, 100)}": list them first.`);
    return key;
  }

  return {
    create: async (key, id) => {
      const row = newRow(key, id);
      await database.write([statement(build.insertInto('api_key').values(row))]).catch((error: unknown) => {
        if (!isConstraint(error, 'unique')) throw error;
        throw nameTaken(key.name);
      });
      return toKey(row);
    },
    get,
    list: async () => {
      const rows = await database.read(build.selectFrom('api_key').selectAll().orderBy('created_at').orderBy('id'));
      return rows.map(toKey);
    },
    update: async (id, change) => {
      const { limits, budget, record, role, team, expiresAt, secretHash } = { ...(await require(id)), ...change };
      const settings_json = encodeJson({ limits, budget, record } satisfies KeySettings);
      const row = { role, team, settings_json, expires_at: expiresAt, secret_hash: secretHash };
      await database.write([statement(build.updateTable('api_key').set(row).where('id', '=', id))]);
    },
    revoke: async (id) => {
      await require(id);
      const revoke = build.updateTable('api_key').set({ revoked_at: now() });
      await database.write([statement(revoke.where('id', '=', id).where('revoked_at', 'is', null))]);
    },
    used: async (times) => {
      const updates = [...times].map(([id, at]) =>
        statement(
          build
            .updateTable('api_key')
            .set({ last_used_at: at })
            .where('id', '=', id)
            .where((key) => key.or([key('last_used_at', 'is', null), key('last_used_at', '<', at)])),
        ),
      );
      if (updates.length > 0) await database.write(updates);
    },
  };
}

function teamsOf(database: Database): Pick<KeyStore, 'putTeam' | 'teams'> {
  const { build } = database;
  return {
    putTeam: async ({ name, ...settings }) => {
      const row: Schema['team'] = { name, settings_json: encodeJson(settings), created_at: now() };
      await database.write([
        statement(
          build
            .insertInto('team')
            .values(row)
            .onConflict((conflict) => conflict.column('name').doUpdateSet({ settings_json: row.settings_json })),
        ),
      ]);
    },
    teams: async () => {
      const rows = await database.read(build.selectFrom('team').selectAll().orderBy('name'));
      return rows.map((row) => ({
        name: row.name,
        ...decodeJson<Pick<TeamRecord, 'limits' | 'budget'>>(row.settings_json),
        createdAt: row.created_at,
      }));
    },
  };
}

function newRow({ name, owner, team, role, secretHash, expiresAt, ...settings }: NewApiKey, id: string): ApiKeyTable {
  return {
    id,
    name,
    owner,
    team,
    role,
    secret_hash: secretHash,
    settings_json: encodeJson(settings satisfies KeySettings),
    created_at: now(),
    expires_at: expiresAt,
    revoked_at: null,
    last_used_at: null,
  };
}

function nameTaken(name: string): RatchetError {
  return new RatchetError('Conflict', `There is a key named "${name}" already: revoke it, or take another name.`);
}

function toKey(row: ApiKeyTable): ApiKeyRecord {
  return {
    id: row.id,
    name: row.name,
    owner: row.owner,
    team: row.team,
    role: row.role as Role,
    secretHash: row.secret_hash,
    ...decodeJson<KeySettings>(row.settings_json),
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    lastUsedAt: row.last_used_at,
  };
}
