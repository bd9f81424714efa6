import { RatchetError } from '../core/errors.ts';
import { type Database, statement } from './database.ts';
import { now, uuidv7 } from './ids.ts';
import { decodeJson, encodeJson } from './json.ts';
import { isAfter, planPage, toPage } from './page.ts';
import { createLedger } from './promotions.ts';
import type { ModelVersionTable } from './schema.ts';
import type { ModelStore, ModelVersion } from './types.ts';

/** Model versions with their lineage, and the ledger of promotions. */
export function createModelStore(database: Database): ModelStore {
  const { build, read } = database;
  const versions = () => build.selectFrom('model_version').selectAll();
  return {
    register: (version) => register(database, version),
    get: async (id) => {
      const [row] = await read(versions().where('id', '=', id));
      return row ? toRecord(row) : null;
    },
    byServed: async (served) => {
      const newest = versions()
        .where('served', '=', served)
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .limit(1);
      const [row] = await read(newest);
      return row ? toRecord(row) : null;
    },
    list: async (request) => {
      const plan = planPage(request);
      const { after, order } = plan;
      const rows = await read(
        versions()
          .$if(after !== null, (query) => query.where(isAfter(after ?? [0, ''], order, ['created_at', 'id'])))
          .orderBy('created_at', order)
          .orderBy('id', order)
          .limit(plan.limit + 1),
      );
      return toPage(rows, plan, (row) => [row.created_at, row.id], rows.map(toRecord));
    },
    ofDatasets: async (digests) => {
      if (digests.length === 0) return [];
      const rows = await read(
        versions()
          .where('dataset', 'in', [...digests])
          .orderBy('created_at')
          .orderBy('id'),
      );
      return rows.map(toRecord);
    },
    setMetrics: async (id, metrics) => {
      const update = build
        .updateTable('model_version')
        .set({ metrics_json: encodeJson(metrics) })
        .where('id', '=', id);
      await database.write([statement(update, { rows: 1, error: unknownVersion(id) })]);
    },
    ...createLedger(database),
  };
}

async function register(
  { build, read, write }: Database,
  version: Omit<ModelVersion, 'id' | 'createdAt'>,
): Promise<ModelVersion> {
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
    build
      .selectFrom('model_version')
      .selectAll()
      .where('cycle_id', '=', version.cycleId)
      .where('adapter_digest', '=', version.adapterDigest),
  );
  return toRecord(registered ?? row);
}

function toRecord(row: ModelVersionTable): ModelVersion {
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
  };
}

function unknownVersion(id: string): RatchetError {
  return new RatchetError('NotFound', `There is no model version "${id}": use one that "ratchet models" lists.`);
}
