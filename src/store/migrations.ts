import type { Compilable, Kysely, SchemaModule } from 'kysely';
import { CompiledQuery, sql } from 'kysely';
import { unusualKind, unusualState } from './chats/filters.ts';
import { contradictions } from './contradictions.ts';
import type { Database } from './database.ts';
import { forgetting } from './forgotten-tables.ts';
import { replay } from './replay.ts';
import { review } from './review-tables.ts';
import type { Schema } from './schema.ts';

export interface Migration {
  /** Sorts after the one before; never renamed once released. */
  name: string;
  up(build: Kysely<Schema>, kind: Database['kind']): Compilable<unknown>[];
}

/** In order. Each is written once, for both databases; a released one is never changed. */
export const migrations: readonly Migration[] = [
  {
    name: '0001-start',
    up: ({ schema }) => [
      ...installation(schema),
      ...chats(schema),
      ...feedback(schema),
      ...cycles(schema),
      ...datasets(schema),
      ...models(schema),
    ],
  },
  {
    name: '0002-recorder',
    up: ({ schema }) => [...completionFields(schema), ...recorderIndexes(schema), ...keys(schema), usage(schema)],
  },
  { name: '0003-threads', up: threads },
  {
    name: '0004-reading-back',
    up: (build, kind) => [...readingFields(build), ...readingIndexes(build.schema), ...searchIndex(kind)],
  },
  { name: '0006-comparisons', up: ({ schema }) => comparisons(schema) },
  { name: '0007-prompts', up: ({ schema }) => [prompts(schema)] },
  { name: '0008-answer-cache', up: ({ schema }) => answerCache(schema) },
  { name: '0009-feedback', up: ({ schema }) => [...feedbackFields(schema), ...signals(schema)] },
  { name: '0010-review', up: review },
  { name: '0012-forgetting', up: ({ schema }) => forgetting(schema) },
  { name: '0013-contradictions', up: ({ schema }) => contradictions(schema) },
  { name: '0014-replay', up: ({ schema }) => replay(schema) },
  { name: '0015-gpu-leases', up: ({ schema }) => [gpuLeases(schema)] },
];

function installation(schema: SchemaModule): Compilable<unknown>[] {
  return [
    schema
      .createTable('installation')
      .addColumn('id', 'integer', (c) => c.primaryKey())
      .addColumn('hmac_key', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull()),
    schema
      .createTable('process_lease')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('host', 'text', (c) => c.notNull())
      .addColumn('pid', 'integer', (c) => c.notNull())
      .addColumn('started_at', 'bigint', (c) => c.notNull())
      .addColumn('expires_at', 'bigint', (c) => c.notNull()),
  ];
}

function gpuLeases(schema: SchemaModule): Compilable<unknown> {
  return schema
    .createTable('gpu_lease')
    .addColumn('host', 'text', (c) => c.notNull())
    .addColumn('device', 'text', (c) => c.notNull())
    .addColumn('owner', 'text', (c) => c.notNull())
    .addColumn('holder', 'text', (c) => c.notNull())
    .addColumn('cycle_id', 'text', (c) => c.notNull())
    .addColumn('step', 'text', (c) => c.notNull())
    .addColumn('pid', 'integer', (c) => c.notNull())
    .addColumn('acquired_at', 'bigint', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addColumn('expected_end', 'bigint')
    .addPrimaryKeyConstraint('gpu_lease_key', ['host', 'device']);
}

function comparisons(schema: SchemaModule): Compilable<unknown>[] {
  return [
    schema
      .createTable('comparison')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('owner', 'text', (c) => c.notNull())
      .addColumn('conversation_id', 'text', (c) => c.notNull())
      .addColumn('blind', 'integer', (c) => c.notNull())
      .addColumn('answers_json', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull()),
    schema.createIndex('comparison_by_time').on('comparison').columns(['created_at', 'id']),
    schema.createIndex('comparison_by_owner').on('comparison').columns(['owner', 'created_at', 'id']),
  ];
}

function prompts(schema: SchemaModule): Compilable<unknown> {
  return schema
    .createTable('prompt')
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('version', 'integer', (c) => c.notNull())
    .addColumn('body_json', 'text', (c) => c.notNull())
    .addColumn('description', 'text')
    .addColumn('author', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('prompt_key', ['name', 'version']);
}

function answerCache(schema: SchemaModule): Compilable<unknown>[] {
  return [
    schema
      .createTable('cached_answer')
      .addColumn('request', 'text', (c) => c.primaryKey())
      .addColumn('completion_id', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull()),
    schema.createIndex('cached_answer_by_time').on('cached_answer').column('created_at'),
  ];
}

function feedbackFields(schema: SchemaModule): Compilable<unknown>[] {
  return [
    schema.alterTable('feedback').addColumn('undoes', 'text'),
    schema.alterTable('feedback').addColumn('key', 'text'),
    schema
      .createIndex('feedback_by_key')
      .unique()
      .on('feedback')
      .columns(['rater', 'key'])
      .where(sql.ref('key'), 'is not', null),
  ];
}

function signals(schema: SchemaModule): Compilable<unknown>[] {
  return [
    schema
      .createTable('signal')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('completion_id', 'text', (c) => c.notNull().references('completion.id'))
      .addColumn('choice', 'integer', (c) => c.notNull())
      .addColumn('kind', 'text', (c) => c.notNull())
      .addColumn('owner', 'text', (c) => c.notNull())
      .addColumn('source', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull()),
    schema.createIndex('signal_by_completion').on('signal').columns(['completion_id', 'created_at']),
  ];
}

function chats(schema: SchemaModule): Compilable<unknown>[] {
  return [
    schema
      .createTable('message')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('parent', 'text')
      .addColumn('body_json', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull()),
    schema
      .createTable('conversation')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('owner', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull()),
    schema
      .createTable('thread_node')
      .addColumn('hash', 'text', (c) => c.notNull())
      .addColumn('conversation_id', 'text', (c) => c.notNull().references('conversation.id'))
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addPrimaryKeyConstraint('thread_node_key', ['hash', 'conversation_id']),
    completionTable(schema),
    schema.createIndex('completion_by_time').on('completion').columns(['created_at', 'id']),
    schema.createIndex('completion_by_owner').on('completion').columns(['owner', 'created_at']),
    schema.createIndex('completion_by_conversation').on('completion').columns(['conversation_id', 'created_at']),
    schema.createIndex('completion_open').on('completion').column('process_id').where(sql.ref('state'), '=', 'open'),
  ];
}

function completionTable(schema: SchemaModule): Compilable<unknown> {
  return schema
    .createTable('completion')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('owner', 'text', (c) => c.notNull())
    .addColumn('provider', 'text', (c) => c.notNull())
    .addColumn('model', 'text', (c) => c.notNull())
    .addColumn('conversation_id', 'text', (c) => c.notNull().references('conversation.id'))
    .addColumn('stream', 'integer', (c) => c.notNull())
    .addColumn('envelope_json', 'text', (c) => c.notNull())
    .addColumn('messages_json', 'text', (c) => c.notNull())
    .addColumn('tip', 'text')
    .addColumn('thread', 'text', (c) => c.notNull())
    .addColumn('node', 'text')
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('draft_json', 'text')
    .addColumn('choices_json', 'text')
    .addColumn('response_json', 'text')
    .addColumn('prompt_tokens', 'bigint')
    .addColumn('completion_tokens', 'bigint')
    .addColumn('error_json', 'text')
    .addColumn('process_id', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('first_token_at', 'bigint')
    .addColumn('finished_at', 'bigint');
}

function feedback(schema: SchemaModule): Compilable<unknown>[] {
  return [
    schema
      .createTable('feedback')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('completion_id', 'text', (c) => c.notNull().references('completion.id'))
      .addColumn('choice', 'integer', (c) => c.notNull())
      .addColumn('rater', 'text', (c) => c.notNull())
      .addColumn('rating', 'integer')
      .addColumn('score', 'double precision')
      .addColumn('body_json', 'text', (c) => c.notNull())
      .addColumn('source', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull()),
    schema.createIndex('feedback_by_completion').on('feedback').columns(['completion_id', 'created_at']),
    schema.createIndex('feedback_by_time').on('feedback').columns(['created_at', 'id']),
  ];
}

function cycles(schema: SchemaModule): Compilable<unknown>[] {
  return [
    schema
      .createTable('cycle')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('base', 'text', (c) => c.notNull())
      .addColumn('name', 'text', (c) => c.notNull())
      .addColumn('state', 'text', (c) => c.notNull())
      .addColumn('step', 'text')
      .addColumn('recipe', 'text', (c) => c.notNull())
      .addColumn('first_recipe', 'text', (c) => c.notNull())
      .addColumn('attention_json', 'text')
      .addColumn('result_json', 'text')
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addColumn('started_at', 'bigint')
      .addColumn('finished_at', 'bigint'),
    schema.createIndex('cycle_by_time').on('cycle').columns(['created_at', 'id']),
    schema
      .createTable('cycle_step')
      .addColumn('key', 'text', (c) => c.primaryKey())
      .addColumn('cycle_id', 'text', (c) => c.notNull().references('cycle.id'))
      .addColumn('seq', 'integer', (c) => c.notNull())
      .addColumn('step', 'text', (c) => c.notNull())
      .addColumn('attempt', 'integer', (c) => c.notNull())
      .addColumn('state', 'text', (c) => c.notNull())
      .addColumn('output_json', 'text')
      .addColumn('error_json', 'text')
      .addColumn('started_at', 'bigint', (c) => c.notNull())
      .addColumn('finished_at', 'bigint')
      .addUniqueConstraint('cycle_step_order', ['cycle_id', 'seq']),
    schema
      .createTable('turn')
      .addColumn('base', 'text', (c) => c.notNull())
      .addColumn('cycle_id', 'text', (c) => c.notNull())
      .addColumn('place', 'integer', (c) => c.notNull())
      .addColumn('held', 'integer', (c) => c.notNull())
      .addColumn('since', 'bigint', (c) => c.notNull())
      .addPrimaryKeyConstraint('turn_key', ['base', 'cycle_id'])
      .addUniqueConstraint('turn_order', ['base', 'place']),
    schema.createIndex('turn_holder').unique().on('turn').column('base').where(sql.ref('held'), '=', 1),
  ];
}

function datasets(schema: SchemaModule): Compilable<unknown>[] {
  return [
    schema
      .createTable('dataset')
      .addColumn('digest', 'text', (c) => c.primaryKey())
      .addColumn('name', 'text', (c) => c.notNull())
      .addColumn('manifest_json', 'text', (c) => c.notNull())
      .addColumn('cycle_id', 'text')
      .addColumn('created_at', 'bigint', (c) => c.notNull()),
    schema.createIndex('dataset_by_time').on('dataset').columns(['created_at', 'digest']),
    schema
      .createTable('dataset_row')
      .addColumn('digest', 'text', (c) => c.notNull().references('dataset.digest'))
      .addColumn('row_id', 'text', (c) => c.notNull())
      .addColumn('split', 'text', (c) => c.notNull())
      .addColumn('completion_id', 'text', (c) => c.notNull())
      .addColumn('choice', 'integer', (c) => c.notNull())
      .addPrimaryKeyConstraint('dataset_row_key', ['digest', 'row_id', 'completion_id', 'choice']),
    schema.createIndex('dataset_row_by_completion').on('dataset_row').column('completion_id'),
  ];
}

function models(schema: SchemaModule): Compilable<unknown>[] {
  return [
    schema
      .createTable('model_version')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('name', 'text', (c) => c.notNull())
      .addColumn('base', 'text', (c) => c.notNull())
      .addColumn('dataset', 'text', (c) => c.notNull())
      .addColumn('recipe', 'text', (c) => c.notNull())
      .addColumn('adapter_digest', 'text', (c) => c.notNull())
      .addColumn('served', 'text', (c) => c.notNull())
      .addColumn('served_digest', 'text', (c) => c.notNull())
      .addColumn('cycle_id', 'text', (c) => c.notNull())
      .addColumn('metrics_json', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addUniqueConstraint('model_version_once', ['cycle_id', 'adapter_digest']),
    schema.createIndex('model_version_by_time').on('model_version').columns(['created_at', 'id']),
    schema.createIndex('model_version_by_served').on('model_version').column('served'),
    schema
      .createTable('promotion')
      .addColumn('seq', 'integer', (c) => c.primaryKey())
      .addColumn('id', 'text', (c) => c.notNull().unique())
      .addColumn('kind', 'text', (c) => c.notNull())
      .addColumn('model_version', 'text')
      .addColumn('selection_json', 'text', (c) => c.notNull())
      .addColumn('file_digest', 'text', (c) => c.notNull())
      .addColumn('state', 'text', (c) => c.notNull())
      .addColumn('actor', 'text', (c) => c.notNull())
      .addColumn('cycle_id', 'text')
      .addColumn('evidence', 'text')
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addColumn('applied_at', 'bigint'),
  ];
}

/** One column a statement: SQLite adds no more at once. */
function completionFields(schema: SchemaModule): Compilable<unknown>[] {
  const completion = () => schema.alterTable('completion');
  return [
    completion().addColumn('kind', 'text', (c) => c.notNull().defaultTo('chat')),
    completion().addColumn('key_id', 'text'),
    completion().addColumn('team', 'text'),
    completion().addColumn('record', 'text', (c) => c.notNull().defaultTo('all')),
    completion().addColumn('attempts_json', 'text'),
    completion().addColumn('cost_nanos', 'bigint'),
    completion().addColumn('erased_at', 'bigint'),
    schema.alterTable('thread_node').addColumn('continued_at', 'bigint'),
  ];
}

function recorderIndexes(schema: SchemaModule): Compilable<unknown>[] {
  return [
    schema.createIndex('completion_by_model').on('completion').columns(['model', 'created_at']),
    schema.createIndex('completion_by_tip').on('completion').column('tip'),
    schema.createIndex('message_by_parent').on('message').column('parent'),
  ];
}

function keys(schema: SchemaModule): Compilable<unknown>[] {
  return [
    schema
      .createTable('api_key')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('name', 'text', (c) => c.notNull())
      .addColumn('owner', 'text', (c) => c.notNull())
      .addColumn('team', 'text')
      .addColumn('role', 'text', (c) => c.notNull())
      .addColumn('secret_hash', 'text', (c) => c.notNull())
      .addColumn('settings_json', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addColumn('expires_at', 'bigint')
      .addColumn('revoked_at', 'bigint')
      .addColumn('last_used_at', 'bigint'),
    schema.createIndex('api_key_name').unique().on('api_key').column('name').where(sql.ref('revoked_at'), 'is', null),
    schema
      .createTable('team')
      .addColumn('name', 'text', (c) => c.primaryKey())
      .addColumn('settings_json', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull()),
  ];
}

function usage(schema: SchemaModule): Compilable<unknown> {
  return schema
    .createTable('usage_day')
    .addColumn('day', 'text', (c) => c.notNull())
    .addColumn('owner', 'text', (c) => c.notNull())
    .addColumn('key_id', 'text', (c) => c.notNull())
    .addColumn('team', 'text', (c) => c.notNull())
    .addColumn('provider', 'text', (c) => c.notNull())
    .addColumn('model', 'text', (c) => c.notNull())
    .addColumn('requests', 'bigint', (c) => c.notNull())
    .addColumn('failures', 'bigint', (c) => c.notNull())
    .addColumn('prompt_tokens', 'bigint', (c) => c.notNull())
    .addColumn('completion_tokens', 'bigint', (c) => c.notNull())
    .addColumn('cost_nanos', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('usage_day_key', ['day', 'owner', 'key_id', 'team', 'provider', 'model']);
}

/** A conversation keeps its node; the hashes of one answer are tied together. */
function threads(build: Kysely<Schema>): Compilable<unknown>[] {
  const { schema } = build;
  return [
    schema.alterTable('conversation').addColumn('node', 'text'),
    build.updateTable('conversation').set((eb) => ({
      node: eb
        .selectFrom('completion')
        .select('completion.node')
        .whereRef('completion.conversation_id', '=', 'conversation.id')
        .where('completion.node', 'is not', null)
        .orderBy('completion.created_at')
        .limit(1),
    })),
    schema.alterTable('thread_node').addColumn('point', 'text'),
    schema.createIndex('thread_node_by_point').on('thread_node').column('point'),
  ];
}

function readingFields(build: Kysely<Schema>): Compilable<unknown>[] {
  return [
    build.schema.alterTable('completion').addColumn('rated', 'integer'),
    build.schema.alterTable('completion').addColumn('entry', 'bigint'),
    build.schema.alterTable('completion').addColumn('origin_json', 'text'),
    build
      .updateTable('completion')
      .set({ rated: 1 })
      .where((eb) => eb('id', 'in', eb.selectFrom('feedback').select('feedback.completion_id'))),
  ];
}

/** Every index ends in what lists are ordered by. Those of rare values have only these, and cost a plain chat nothing. */
function readingIndexes(schema: SchemaModule): Compilable<unknown>[] {
  const index = (name: string, ...columns: string[]) =>
    schema
      .createIndex(name)
      .on('completion')
      .columns([...columns, 'created_at', 'id']);
  return [
    schema.dropIndex('completion_by_owner'),
    schema.dropIndex('completion_by_model'),
    schema.dropIndex('completion_by_tip'),
    // Erasing looks for other answers to the same request.
    schema.createIndex('completion_tip_finished').on('completion').columns(['tip', 'finished_at']),
    index('completion_owner_time', 'owner'),
    index('completion_model_time', 'model'),
    index('completion_provider_time', 'provider'),
    index('completion_key_time', 'key_id').where(sql.ref('key_id'), 'is not', null),
    index('completion_team_time', 'team').where(sql.ref('team'), 'is not', null),
    index('completion_unusual_kind', 'kind').where(sql<boolean>`${sql.ref('kind')} ${sql.raw(unusualKind)}`),
    index('completion_unusual_state', 'state').where(sql<boolean>`${sql.ref('state')} ${sql.raw(unusualState)}`),
    index('completion_rated').where(sql.ref('rated'), '=', 1),
    schema
      .createIndex('completion_unindexed')
      .on('completion')
      .columns(['finished_at', 'id'])
      .where(sql<boolean>`${sql.ref('entry')} is null and ${sql.ref('finished_at')} is not null`),
    schema.createIndex('completion_by_entry').unique().on('completion').column('entry').where(sql.ref('entry'), '>', 0),
  ];
}

function searchIndex(kind: Database['kind']): Compilable<unknown>[] {
  const statements =
    kind === 'sqlite'
      ? [
          `create virtual table search using fts5(text, tag, tokenize = 'unicode61 remove_diacritics 2')`,
          // What is erased leaves the index at once, not with a later merge.
          `insert into search (search, rank) values ('secure-delete', 1)`,
        ]
      : [
          'create table search (entry bigint primary key, tsv tsvector not null)',
          'create index search_words on search using gin (tsv)',
        ];
  return statements.map((text) => ({ compile: () => CompiledQuery.raw(text) }));
}
