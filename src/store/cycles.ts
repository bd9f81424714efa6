import type { CycleState, StepName } from '../core/cycle.ts';
import { RatchetError } from '../core/errors.ts';
import { type Database, statement } from './database.ts';
import { now } from './ids.ts';
import { decodeNullable, encodeNullable } from './json.ts';
import { isAfter, planPage, toPage } from './page.ts';
import type { CycleTable } from './schema.ts';
import { createSteps, unknownCycle } from './steps.ts';
import { createTurns } from './turns.ts';
import type { CycleRecord, CycleStore } from './types.ts';

/** Cycles, their step calls, and the line for each base. */
export function createCycleStore(database: Database): CycleStore {
  const { build, read } = database;
  const cycles = () => build.selectFrom('cycle').selectAll();
  async function get(id: string): Promise<CycleRecord | null> {
    const [row] = await read(cycles().where('id', '=', id));
    return row ? toRecord(row) : null;
  }

  return {
    create: (cycle) => create(database, cycle, get),
    get,
    list: async ({ states, base }, request) => {
      const plan = planPage(request);
      const { after, order } = plan;
      if (states?.length === 0) return { items: [], next: null };
      const rows = await read(
        cycles()
          .$if(states !== undefined, (query) => query.where('state', 'in', states ?? []))
          .$if(base !== undefined, (query) => query.where('base', '=', base ?? ''))
          .$if(after !== null, (query) => query.where(isAfter(after ?? [0, ''], order, ['created_at', 'id'])))
          .orderBy('created_at', order)
          .orderBy('id', order)
          .limit(plan.limit + 1),
      );
      return toPage(rows, plan, (row) => [row.created_at, row.id], rows.map(toRecord));
    },
    update: async (id, change) => {
      const columns = toColumns(change);
      if (Object.keys(columns).length === 0) return;
      const update = build.updateTable('cycle').set(columns).where('id', '=', id);
      await database.write([statement(update, { rows: 1, error: unknownCycle(id) })]);
    },
    ...createSteps(database),
    ...createTurns(database),
  };
}

async function create(
  { build, write }: Database,
  cycle: { id: string; base: string; name: string; recipe: string },
  get: (id: string) => Promise<CycleRecord | null>,
): Promise<CycleRecord> {
  const insert = build
    .insertInto('cycle')
    .values({ ...cycle, state: 'queued', first_recipe: cycle.recipe, created_at: now() })
    .onConflict((conflict) => conflict.column('id').doNothing());
  await write([statement(insert)]);
  const made = await get(cycle.id);
  // The same call again finds its own row; another cycle's id does not.
  if (made && made.base === cycle.base && made.name === cycle.name && made.firstRecipe === cycle.recipe) return made;
  throw new RatchetError('Conflict', `There is another cycle "${cycle.id}" already: use a new id.`);
}

function toColumns(change: Parameters<CycleStore['update']>[1]): Partial<CycleTable> {
  const { attention, result, startedAt, finishedAt, ...plain } = change;
  const columns: Partial<CycleTable> = { ...plain };
  if (attention !== undefined) columns.attention_json = encodeNullable(attention);
  if (result !== undefined) columns.result_json = encodeNullable(result);
  if (startedAt !== undefined) columns.started_at = startedAt;
  if (finishedAt !== undefined) columns.finished_at = finishedAt;
  return columns;
}

function toRecord(row: CycleTable): CycleRecord {
  return {
    id: row.id,
    base: row.base,
    name: row.name,
    state: row.state as CycleState,
    step: row.step as StepName | null,
    recipe: row.recipe,
    firstRecipe: row.first_recipe,
    attention: decodeNullable(row.attention_json),
    result: decodeNullable(row.result_json),
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  };
}
