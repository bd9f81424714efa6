import type { Compilable, SchemaModule } from 'kysely';

/** Tables of what was forgotten, and marks on what lost something by it. One column a statement: SQLite adds no more at once. */
export function forgetting(schema: SchemaModule): Compilable<unknown>[] {
  return [
    schema
      .createTable('forgetting')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('kind', 'text', (c) => c.notNull())
      .addColumn('subject', 'text')
      .addColumn('state', 'text', (c) => c.notNull())
      .addColumn('now', 'integer', (c) => c.notNull())
      .addColumn('actor', 'text', (c) => c.notNull())
      .addColumn('report_json', 'text')
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addColumn('finished_at', 'bigint'),
    schema
      .createTable('forgotten')
      .addColumn('kind', 'text', (c) => c.notNull())
      .addColumn('id', 'text', (c) => c.notNull())
      .addPrimaryKeyConstraint('forgotten_key', ['kind', 'id']),
    schema
      .createTable('forgotten_node')
      .addColumn('node', 'text', (c) => c.primaryKey())
      .addColumn('joined_json', 'text', (c) => c.notNull()),
    schema.alterTable('dataset').addColumn('redacted_at', 'bigint'),
    schema.alterTable('dataset').addColumn('redacted_rows', 'integer'),
    schema.alterTable('model_version').addColumn('deleted_at', 'bigint'),
  ];
}
