import { RatchetError } from '../core/errors.ts';
import { type Database, statement, unavailable } from './database.ts';
import { now } from './ids.ts';
import { migrations } from './migrations.ts';

/** Brings the schema up to date. Safe when several processes start at once: each migration is one batch that claims its name. */
export async function migrate(database: Database): Promise<void> {
  const { build } = database;
  await database.write([
    ...database.schemaLock,
    statement(
      build.schema
        .createTable('migration')
        .ifNotExists()
        .addColumn('name', 'text', (c) => c.primaryKey())
        .addColumn('applied_at', 'bigint', (c) => c.notNull()),
    ),
  ]);
  const applied = new Set((await database.read(build.selectFrom('migration').select('name'))).map((row) => row.name));
  refuseNewer(applied);
  for (const migration of migrations) {
    if (!applied.has(migration.name)) await apply(database, migration);
  }
}

async function apply(database: Database, migration: (typeof migrations)[number]): Promise<void> {
  const taken = new RatchetError('Conflict', 'Another process applied this migration.');
  const claim = database.build
    .insertInto('migration')
    .values({ name: migration.name, applied_at: now() })
    .onConflict((conflict) => conflict.column('name').doNothing());
  try {
    await database.write([
      ...database.schemaLock,
      statement(claim, { rows: 1, error: taken }),
      ...migration.up(database.build, database.kind).map((change) => statement(change)),
    ]);
  } catch (error) {
    if (error !== taken) throw error;
  }
}

function refuseNewer(applied: ReadonlySet<string>): void {
  const known = new Set(migrations.map((migration) => migration.name));
  const unknown = [...applied].filter((name) => !known.has(name));
  if (unknown.length > 0) {
    throw unavailable(
      `it was written by a newer Ratchet (${unknown.join(', ')}): install that version or a later one.`,
    );
  }
}
