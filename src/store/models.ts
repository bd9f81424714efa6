import { sql } from 'kysely';
import { RatchetError } from '../core/errors.ts';
import { type Database, statement } from './database.ts';
import { toRedaction } from './datasets.ts';
import { now, uuidv7 } from './ids.ts';
import { decodeJson, encodeJson } from './json.ts';
import { isAfter, planPage, toPage } from './page.ts';
import { createLedger } from './promotions.ts';
import type { DatasetTable, ModelVersionTable } from './schema.ts';
import type { ModelStore, ModelVersion, NewModelVersion } from './types.ts';

/** Model versions with their lineage, and the ledger of promotions. */
export function createModelStore(database: Database): ModelStore {
  const { read } = database;
  const versions = () => selectVersions(database);
  return {
    register: (version) => register(database, version),
    get: async (id) => {
      const [row] = await read(versions().where('model_version.id', '=', id));
      return row ? toRecord(row) : null;
    },
    byServed: async (served) => {
      const newest = versions()
        .where('served', '=', served)
        .orderBy('model_version.created_at', 'desc')
        .orderBy('model_version.id', 'desc')
        .limit(1);
      const [row] = await read(newest);
      return row ? toRecord(row) : null;
    },
    list: async (request) => {
      const plan = planPage(request);
      const { after, order } = plan;
      const rows = await read(
        versions()
          .$if(after !== null, (query) =>
            query.where(isAfter(after ?? [0, ''], order, ['model_version.created_at', 'model_version.id'])),
          )
          .orderBy('model_version.created_at', order)
          .orderBy('model_version.id', order)
          .limit(plan.limit + 1),
      );
      return toPage(rows, plan, (row) => [row.created_at, row.id], rows.map(toRecord));
    },
    ofDatasets: async (digests) => {
      if (digests.length === 0) return [];
      const rows = await read(
        versions()
          .where('model_version.dataset', 'in', [...digests])
          .orderBy('model_version.created_at')
          .orderBy('model_version.id'),
      );
      return rows.map(toRecord);
    },
    stale: async () => {
      const rows = await read(
        versions()
          .where('dataset.redacted_at', 'is not', null)
          .where('model_version.deleted_at', 'is', null)
          .orderBy('model_version.created_at')
          .orderBy('model_version.id'),
      );
      return rows.map(toRecord);
    },
    ...noting(database),
    ...createLedger(database),
  };
}

function noting({ build, write }: Database): Pick<ModelStore, 'setMetrics' | 'noteServed' | 'noteDeleted'> {
  return {
    setMetrics: async (id, metrics) => {
      const update = build
        .updateTable('model_version')
        .set({ metrics_json: encodeJson(metrics) })
        .where('id', '=', id);
      await write([statement(update, { rows: 1, error: unknownVersion(id) })]);
    },
    noteServed: async (id, digest) => {
      const update = build.updateTable('model_version').set({ served_digest: digest }).where('id', '=', id);
      await write([statement(update, { rows: 1, error: unknownVersion(id) })]);
    },
    noteDeleted: async (id) => {
      const update = build
        .updateTable('model_version')
        .set({ deleted_at: sql<number>`coalesce(deleted_at, cast(${now()} as bigint))` })
        .where('id', '=', id);
      await write([statement(update, { rows: 1, error: unknownVersion(id) })]);
    },
  };
}

/** What its dataset version lost is known from there: a version that is registered later is stale from the start. */
function selectVersions({ build }: Database) {
  return build
    .selectFrom('model_version')
    .leftJoin('dataset', 'dataset.digest', 'model_version.dataset')
    .selectAll('model_version')
    .select(['dataset.redacted_at', 'dataset.redacted_rows']);
}

async function register(database: Database, version: NewModelVersion): Promise<ModelVersion> {
  const { build, read, write } = database;
  const row: ModelVersionTable = {
    id: uuidv7(),
    name: version.name,
    base: version.base,
    dataset: version.dataset,
    recipe: version.recipe,
    adapter_digest: version.adapterDigest,
    served: version.served,
    served_digest: version.servedDigest,
    cycle_id: version.cycleId,
    metrics_json: encodeJson(version.metrics),
    created_at: now(),
    deleted_at: null,
  };
  await write([
    statement(
      build
        .insertInto('model_version')
        .values(row)
        .onConflict((conflict) => conflict.columns(['cycle_id', 'adapter_digest']).doNothing()),
    ),
  ]);
  const [registered] = await read(
    selectVersions(database)
      .where('model_version.cycle_id', '=', version.cycleId)
      .where('model_version.adapter_digest', '=', version.adapterDigest),
  );
  return toRecord(registered ?? { ...row, redacted_at: null, redacted_rows: null });
}

function toRecord(row: ModelVersionTable & Pick<DatasetTable, 'redacted_at' | 'redacted_rows'>): ModelVersion {
  return {
    id: row.id,
    name: row.name,
    base: row.base,
    dataset: row.dataset,
    recipe: row.recipe,
    adapterDigest: row.adapter_digest,
    served: row.served,
    servedDigest: row.served_digest,
    cycleId: row.cycle_id,
    metrics: decodeJson(row.metrics_json),
    createdAt: row.created_at,
    stale: toRedaction(row),
    deletedAt: row.deleted_at,
  };
}

function unknownVersion(id: string): RatchetError {
  return new RatchetError('NotFound', `There is no model version "${id}": use one that "ratchet models" lists.`);
}
