import { sql } from 'kysely';
import { RatchetError } from '../core/errors.ts';
import { type Database, isConstraint, statement } from './database.ts';
import { now, uuidv7 } from './ids.ts';
import { decodeJson, encodeJson } from './json.ts';
import { isAfter, planPage, toPage } from './page.ts';
import type { PromotionTable } from './schema.ts';
import type { ModelStore, PromotionKind, PromotionRecord } from './types.ts';

type Ledger = Pick<ModelStore, 'appendPromotion' | 'settlePromotion' | 'promotions' | 'head'>;

/** The append-only ledger of what was selected when, and why. */
export function createLedger(database: Database): Ledger {
  const { build, read } = database;
  const lines = () => build.selectFrom('promotion').selectAll();
  return {
    appendPromotion: (line, after) => append(database, line, after),
    settlePromotion: (id, state) => settle(database, id, state),
    promotions: async (request) => {
      const plan = planPage(request);
      const { after, order } = plan;
      const rows = await read(
        lines()
          .$if(after !== null, (query) => query.where(isAfter(after ?? [0, ''], order, ['seq', 'id'])))
          .orderBy('seq', order)
          .limit(plan.limit + 1),
      );
      return toPage(rows, plan, (row) => [row.seq, row.id], rows.map(toRecord));
    },
    head: async () => {
      const [row] = await read(lines().orderBy('seq', 'desc').limit(1));
      return row ? toRecord(row) : null;
    },
  };
}

async function append(
  database: Database,
  line: Parameters<Ledger['appendPromotion']>[0],
  after: number,
): Promise<PromotionRecord> {
  const row: PromotionTable = {
    seq: after + 1,
    id: uuidv7(),
    kind: line.kind,
    model_version: line.modelVersion,
    selection_json: encodeJson(line.selection),
    file_digest: line.fileDigest,
    state: 'pending',
    actor: line.actor,
    cycle_id: line.cycleId,
    evidence: line.evidence,
    created_at: now(),
    applied_at: null,
  };
  const { build } = database;
  const overtaken = new RatchetError(
    'Conflict',
    'Another promotion came first: read what is selected now, then decide again.',
  );
  // Changes nothing: it only counts one row if `after` is the newest line. The key on `seq` settles a tie.
  const guard = sql`select 1 as newest where (select coalesce(max(seq), 0) from ${sql.table('promotion')}) = ${sql.lit(after)}`;
  try {
    await database.write([
      statement({ compile: () => guard.compile(build) }, { rows: 1, error: overtaken }),
      statement(build.insertInto('promotion').values(row)),
    ]);
  } catch (error) {
    throw isConstraint(error, 'unique') ? overtaken : error;
  }
  return toRecord(row);
}

async function settle(database: Database, id: string, state: 'applied' | 'abandoned'): Promise<void> {
  const { build, read } = database;
  const [line] = await read(build.selectFrom('promotion').select('state').where('id', '=', id));
  if (!line) throw new RatchetError('NotFound', `There is no promotion "${id}": use one that the ledger lists.`);
  if (line.state === state) return;
  const settled = new RatchetError('Conflict', `The promotion ${id} was settled otherwise: read the ledger again.`);
  const update = build
    .updateTable('promotion')
    .set({ state, applied_at: state === 'applied' ? now() : null })
    .where('id', '=', id)
    .where('state', 'in', ['pending', state]);
  await database.write([statement(update, { rows: 1, error: settled })]);
}

function toRecord(row: PromotionTable): PromotionRecord {
  return {
    seq: row.seq,
    id: row.id,
    kind: row.kind as PromotionKind,
    modelVersion: row.model_version,
    selection: decodeJson(row.selection_json),
    fileDigest: row.file_digest,
    state: row.state as PromotionRecord['state'],
    actor: row.actor,
    cycleId: row.cycle_id,
    evidence: row.evidence,
    createdAt: row.created_at,
    appliedAt: row.applied_at,
  };
}
