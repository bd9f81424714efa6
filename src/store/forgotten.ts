import { sql } from 'kysely';
import type { JsonObject } from '../core/canonical.ts';
import { RatchetError } from '../core/errors.ts';
import { continuationsOf } from './continuations.ts';
import { type Database, type Statement, chunks, statement } from './database.ts';
import { rewriteFailures } from './failures.ts';
import { toFeedbackRecord } from './feedback.ts';
import { removeRater } from './forgotten-rater.ts';
import type { ForgettingRecord, ForgottenKind, ForgottenNode, ForgottenStore } from './forgotten-types.ts';
import { now, uuidv7 } from './ids.ts';
import { decodeJson, decodeNullable, encodeJson } from './json.ts';
import type { ForgettingTable } from './schema.ts';

/** What was forgotten: intents, ids, tombstones. */
export function createForgottenStore(database: Database): ForgottenStore {
  const { build, read, readAside } = database;
  const records = () => build.selectFrom('forgetting').selectAll();
  return {
    list: async () => (await readAside(build.selectFrom('forgotten_node').selectAll().orderBy('node'))).map(toNode),
    addNodes: (nodes) => addNodes(database, nodes),
    begin: (intent) => begin(database, intent),
    advance: (id, to) => advance(database, id, to),
    open: async () => (await read(records().where('state', '!=', 'done').orderBy('id'))).map(toRecord),
    all: async () => (await readAside(records().orderBy('id', 'desc'))).map(toRecord),
    ids: async (kind) => {
      const rows = await readAside(build.selectFrom('forgotten').select('id').where('kind', '=', kind));
      return new Set(rows.map(({ id }) => id));
    },
    saidBy: async (rater) => {
      const events = build.selectFrom('feedback').selectAll().where('rater', '=', rater);
      return (await readAside(events.orderBy('created_at').orderBy('id'))).map(toFeedbackRecord);
    },
    removeRater: (rater, pseudonym) => removeRater(database, rater, pseudonym),
    continuationsOf: (conversationId) => continuationsOf(database, conversationId),
    rewriteFailures: (rewrite) => rewriteFailures(database, rewrite),
  };
}

async function begin(database: Database, intent: Parameters<ForgottenStore['begin']>[0]): Promise<ForgettingRecord> {
  const { build, read, write } = database;
  const { kind, subject, actor } = intent;
  const models = Number(intent.now);
  const [known] = await read(
    build
      .selectFrom('forgetting')
      .selectAll()
      .where('kind', '=', kind)
      .where('subject', '=', subject)
      .where('state', '!=', 'done'),
  );
  const row: ForgettingTable = known ?? {
    id: uuidv7(),
    kind,
    subject,
    state: 'files',
    now: models,
    actor,
    report_json: null,
    created_at: now(),
    finished_at: null,
  };
  await write([
    known
      ? statement(
          build
            .updateTable('forgetting')
            .set({ now: Math.max(known.now, models) })
            .where('id', '=', known.id),
        )
      : statement(build.insertInto('forgetting').values(row)),
    ...addIds(database, 'completion', intent.completions),
    ...addIds(database, 'feedback', intent.feedback),
  ]);
  return toRecord({ ...row, now: Math.max(row.now, models) });
}

function addIds({ build }: Database, kind: ForgottenKind, ids: readonly string[]): Statement[] {
  return chunks([...new Set(ids)], 500).map((some) =>
    statement(
      build
        .insertInto('forgotten')
        .values(some.map((id) => ({ kind, id })))
        .onConflict((conflict) => conflict.columns(['kind', 'id']).doNothing()),
    ),
  );
}

async function advance(
  { build, tidy, write }: Database,
  id: string,
  { state, report }: { state: ForgettingRecord['state']; report?: JsonObject },
): Promise<void> {
  const unknown = new RatchetError('NotFound', `There is no forgetting "${id}": GET /api/forget lists them.`);
  const done = state === 'done';
  const update = build
    .updateTable('forgetting')
    .set({
      state,
      ...(report && { report_json: encodeJson(report) }),
      ...(done && { finished_at: now() }),
      // Who was forgotten stands nowhere any more.
      ...(done && { subject: sql<string | null>`case when kind = 'rater' then null else subject end` }),
    })
    .where('id', '=', id);
  await write([statement(update, { rows: 1, error: unknown })]);
  if (done) await tidy();
}

async function addNodes({ build, read, write }: Database, nodes: readonly ForgottenNode[]): Promise<void> {
  for (const some of chunks(nodes, 200)) {
    const names = some.map(({ node }) => node);
    const rows = await read(build.selectFrom('forgotten_node').selectAll().where('node', 'in', names));
    const known = new Map(rows.map(toNode).map(({ node, joined }) => [node, joined]));
    const upserts = some.map(({ node, joined }) => {
      const joined_json = encodeJson([...new Set([...(known.get(node) ?? []), ...joined])].sort());
      return statement(
        build
          .insertInto('forgotten_node')
          .values({ node, joined_json })
          .onConflict((conflict) => conflict.column('node').doUpdateSet({ joined_json })),
      );
    });
    await write(upserts);
  }
}

function toNode({ node, joined_json }: { node: string; joined_json: string }): ForgottenNode {
  return { node, joined: decodeJson(joined_json) };
}

function toRecord(row: ForgettingTable): ForgettingRecord {
  return {
    id: row.id,
    kind: row.kind as ForgettingRecord['kind'],
    subject: row.subject,
    state: row.state as ForgettingRecord['state'],
    now: row.now === 1,
    actor: row.actor,
    report: decodeNullable(row.report_json),
    createdAt: row.created_at,
    finishedAt: row.finished_at,
  };
}
