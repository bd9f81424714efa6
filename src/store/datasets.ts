import { sql } from 'kysely';
import type { Split } from '../core/dataset.ts';
import { RatchetError } from '../core/errors.ts';
import { type Database, chunks, statement } from './database.ts';
import { now } from './ids.ts';
import { decodeJson, encodeJson } from './json.ts';
import { isAfter, planPage, toPage } from './page.ts';
import type { Schema } from './schema.ts';
import type { DatasetRecord, DatasetRowLink, DatasetStore, Redaction } from './types.ts';

/** In place of a completion and a choice: both are in the key, and have to be something. */
const nobody = '';
const noChoice = -1;

/** Dataset versions, and which completion stands behind which row. */
export function createDatasetStore(database: Database): DatasetStore {
  const { build, read } = database;
  return {
    ...redacting(database),
    register: (dataset, rows) => register(database, dataset, rows),
    get: async (digest) => {
      const [row] = await read(build.selectFrom('dataset').selectAll().where('digest', '=', digest));
      return row ? toRecord(row) : null;
    },
    list: async (request) => {
      const plan = planPage(request);
      const { after, order } = plan;
      const rows = await read(
        build
          .selectFrom('dataset')
          .selectAll()
          .$if(after !== null, (query) => query.where(isAfter(after ?? [0, ''], order, ['created_at', 'digest'])))
          .orderBy('created_at', order)
          .orderBy('digest', order)
          .limit(plan.limit + 1),
      );
      return toPage(rows, plan, (row) => [row.created_at, row.digest], rows.map(toRecord));
    },
    versionsWith: async (completionId) => {
      const rows = await read(
        build
          .selectFrom('dataset_row')
          .innerJoin('dataset', 'dataset.digest', 'dataset_row.digest')
          .select(['dataset_row.digest', 'dataset_row.split', 'dataset_row.row_id'])
          .where('dataset_row.completion_id', '=', completionId)
          .orderBy('dataset.created_at')
          .orderBy('dataset_row.row_id'),
      );
      return rows.map((row) => ({ digest: row.digest, split: row.split as Split, rowId: row.row_id }));
    },
    row: async (digest, rowId) => {
      const rows = await read(
        build
          .selectFrom('dataset_row')
          .selectAll()
          .where('digest', '=', digest)
          .where('row_id', '=', rowId)
          .orderBy('completion_id')
          .orderBy('choice'),
      );
      return rows.map(toLink);
    },
  };
}

function redacting({ build, readAside, write }: Database): Pick<DatasetStore, 'rowsWith' | 'redact'> {
  return {
    rowsWith: async (digest, completions) => {
      const links: DatasetRowLink[] = [];
      for (const some of chunks([...completions], 500)) {
        const query = build.selectFrom('dataset_row').selectAll().where('digest', '=', digest);
        links.push(...(await readAside(query.where('completion_id', 'in', some))).map(toLink));
      }
      return links;
    },
    redact: async (digest, gone) => {
      const unknown = new RatchetError(
        'NotFound',
        `There is no dataset version ${digest}: GET /api/datasets lists them.`,
      );
      const update = build
        .updateTable('dataset')
        .set({
          redacted_at: sql<number>`coalesce(redacted_at, cast(${now()} as bigint))`,
          ...(gone && { redacted_rows: gone.rows, manifest_json: encodeJson(gone.manifest) }),
        })
        .where('digest', '=', digest);
      await write([statement(update, { rows: 1, error: unknown })]);
    },
  };
}

async function register(
  { build, write }: Database,
  dataset: Omit<DatasetRecord, 'createdAt' | 'redacted'>,
  links: readonly DatasetRowLink[],
): Promise<void> {
  const { digest, name, manifest, cycleId } = dataset;
  const version = {
    digest,
    name,
    manifest_json: encodeJson(manifest),
    cycle_id: cycleId,
    created_at: now(),
    redacted_at: null,
    redacted_rows: null,
  };
  const rows = links.map(({ rowId, split, completionId, choice }) => ({
    digest,
    row_id: rowId,
    split,
    completion_id: completionId ?? nobody,
    choice: choice ?? noChoice,
  }));
  await write([
    statement(
      build
        .insertInto('dataset')
        .values(version)
        .onConflict((conflict) => conflict.column('digest').doNothing()),
    ),
    ...chunks(rows, 500).map((values) =>
      statement(
        build
          .insertInto('dataset_row')
          .values(values)
          .onConflict((conflict) => conflict.columns(['digest', 'row_id', 'completion_id', 'choice']).doNothing()),
      ),
    ),
  ]);
}

function toLink(row: Schema['dataset_row']): DatasetRowLink {
  return {
    rowId: row.row_id,
    split: row.split as Split,
    completionId: row.completion_id === nobody ? null : row.completion_id,
    choice: row.choice === noChoice ? null : row.choice,
  };
}

function toRecord(row: Schema['dataset']): DatasetRecord {
  return {
    digest: row.digest,
    name: row.name,
    manifest: decodeJson(row.manifest_json),
    cycleId: row.cycle_id,
    createdAt: row.created_at,
    redacted: toRedaction(row),
  };
}

/** What a version lost, as the columns of its row say. */
export function toRedaction({
  redacted_at,
  redacted_rows,
}: {
  redacted_at: number | null;
  redacted_rows: number | null;
}): Redaction | null {
  return redacted_at === null ? null : { rows: redacted_rows ?? 0, since: redacted_at };
}
