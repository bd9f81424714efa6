import { type KeyObject, createSecretKey, randomBytes } from 'node:crypto';
import { type Database, statement, unavailable } from './database.ts';
import { now } from './ids.ts';

/** The installation's key, made when its database is first opened; whichever process comes first decides. */
export async function installationKey(database: Database): Promise<KeyObject> {
  const { build } = database;
  const query = build.selectFrom('installation').select('hmac_key').where('id', '=', 1);
  const [known] = await database.read(query);
  if (known) return createSecretKey(known.hmac_key, 'hex');
  const candidate = { id: 1, hmac_key: randomBytes(32).toString('hex'), created_at: now() };
  await database.write([
    statement(
      build
        .insertInto('installation')
        .values(candidate)
        .onConflict((conflict) => conflict.column('id').doNothing()),
    ),
  ]);
  const [made] = await database.read(query);
  if (!made) throw unavailable('its installation row was removed: restore the database from a backup.');
  return createSecretKey(made.hmac_key, 'hex');
}
