import { type SelectQueryBuilder, sql } from 'kysely';
import { type Outputs, type StepName, type StepState, steps } from '../core/cycle.ts';
import { RatchetError } from '../core/errors.ts';
import { type Database, isConstraint, statement } from './database.ts';
import { now } from './ids.ts';
import { decodeNullable, encodeJson, encodeNullable } from './json.ts';
import type { CycleStepTable, Schema } from './schema.ts';
import type { CycleStore, StepRecord } from './types.ts';

type Steps = Pick<CycleStore, 'beginStep' | 'endStep' | 'stepByKey' | 'stepsOf' | 'finishedOutputs'>;

/** Step calls of cycles, by the key that the workflow gave them. */
export function createSteps(database: Database): Steps {
  const { build, read } = database;
  async function stepByKey(key: string): Promise<StepRecord | null> {
    const [row] = await read(build.selectFrom('cycle_step').selectAll().where('key', '=', key));
    return row ? toRecord(row) : null;
  }
  async function stepsOf(cycleId: string): Promise<StepRecord[]> {
    const query = build.selectFrom('cycle_step').selectAll().where('cycle_id', '=', cycleId).orderBy('seq');
    return (await read(query)).map(toRecord);
  }

  return {
    beginStep: (cycleId, step, key) => beginStep(database, cycleId, step, key),
    endStep: async (key, { state, output, error }) => {
      const end = build
        .updateTable('cycle_step')
        .set({
          state,
          output_json: output === undefined ? null : encodeJson(output),
          error_json: encodeNullable(error),
          finished_at: now(),
        })
        .where('key', '=', key);
      const unknown = new RatchetError('NotFound', `There is no step call "${key}": begin it first.`);
      await database.write([statement(end, { rows: 1, error: unknown })]);
    },
    stepByKey,
    stepsOf,
    finishedOutputs: async (cycleId) => outputsThatCount(await stepsOf(cycleId)),
  };
}

/**
 * Outputs of a cycle's step calls, oldest call first, that still count: each step's newest finished call, unless a step
 * before it was begun anew since.
 */
export function outputsThatCount(calls: readonly Pick<StepRecord, 'step' | 'state' | 'output'>[]): Outputs {
  const outputs: Partial<Record<StepName, unknown>> = {};
  let newestBefore = -1;
  for (const step of steps) {
    const done = calls.findLastIndex((call) => call.step === step && call.state === 'done');
    if (done > newestBefore) outputs[step] = calls[done]?.output;
    newestBefore = Math.max(
      newestBefore,
      calls.findLastIndex((call) => call.step === step),
    );
  }
  return outputs as Outputs;
}

/** NotFound for a cycle's id. */
export function unknownCycle(id: string): RatchetError {
  return new RatchetError('NotFound', `There is no cycle "${id}": use one that "ratchet cycles" lists.`);
}

async function beginStep(database: Database, cycleId: string, step: StepName, key: string): Promise<StepRecord> {
  const { build } = database;
  const next = build
    .selectFrom('cycle_step')
    .where('cycle_id', '=', cycleId)
    .select(sql<number>`coalesce(max(seq), 0) + 1`.as('seq')) as SelectQueryBuilder<
    Schema,
    'cycle_step',
    { seq: number }
  >;
  const begin = build
    .insertInto('cycle_step')
    .values({ key, cycle_id: cycleId, seq: next, step, attempt: 1, state: 'running', started_at: now() })
    .onConflict((conflict) =>
      conflict.column('key').doUpdateSet((eb) => ({
        attempt: eb('cycle_step.attempt', '+', 1),
        state: 'running',
        output_json: null,
        error_json: null,
        finished_at: null,
      })),
    )
    .returningAll();
  for (;;) {
    try {
      const [result] = await database.write([statement(begin)]);
      return toRecord(result?.rows[0] as unknown as CycleStepTable);
    } catch (error) {
      if (isConstraint(error, 'foreign_key')) throw unknownCycle(cycleId);
      // PostgreSQL lets two calls of a cycle begin at once; one finds its number taken and tries the next.
      if (!isConstraint(error, 'unique')) throw error;
    }
  }
}

function toRecord(row: CycleStepTable): StepRecord {
  return {
    cycleId: row.cycle_id,
    step: row.step as StepName,
    key: row.key,
    attempt: row.attempt,
    state: row.state as StepState,
    output: decodeNullable(row.output_json),
    error: decodeNullable(row.error_json),
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  };
}
