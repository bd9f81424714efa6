import { RatchetError } from '../../core/errors.ts';
import { type Database, type Statement, statement } from '../database.ts';
import { now } from '../ids.ts';
import { decodeNullable, encodeJson } from '../json.ts';
import type { CompletionTable } from '../schema.ts';
import type { ChoiceRecord } from '../types.ts';
import { countCall } from '../usage.ts';
import { storeChoices } from './choices.ts';
import { type ChatContext, usageOf } from './ending.ts';

/** Closes the open completions of processes whose lease has lapsed; returns how many. */
export async function sweepInterrupted(context: ChatContext): Promise<number> {
  const { database, processId } = context;
  const { build, clock } = database;
  await database.recover();
  const lapsed = await database.read(
    build
      .selectFrom('completion')
      .leftJoin('process_lease', 'process_lease.id', 'completion.process_id')
      .selectAll('completion')
      .where('state', '=', 'open')
      .where('process_id', '!=', processId)
      .where((eb) => eb.or([eb('process_lease.id', 'is', null), eb('process_lease.expires_at', '<', clock)])),
  );
  const swept = await Promise.all(lapsed.map((row) => interrupt(context, row)));
  await database.write([forgetLongGone(database)]);
  return swept.filter(Boolean).length;
}

/** Closes a completion with what is known of its choices, and counts it. False when another was faster. */
async function interrupt(context: ChatContext, row: CompletionTable): Promise<boolean> {
  const { database } = context;
  const choices = decodeNullable<ChoiceRecord[]>(row.draft_json) ?? [];
  const { stored, statements } = storeChoices(context, row, choices);
  const update = database.build
    .updateTable('completion')
    .set({ state: 'interrupted', draft_json: null, choices_json: encodeJson(stored), finished_at: now() })
    .where('id', '=', row.id)
    .where('state', '=', 'open')
    .where('draft_json', 'is not distinct from', row.draft_json);
  const late = new RatchetError('Conflict', `The completion ${row.id} was closed or went on meanwhile.`);
  const call = usageOf(row, { state: 'interrupted', promptTokens: null, completionTokens: null });
  try {
    await database.write([statement(update, { rows: 1, error: late }), ...statements, countCall(database, call)]);
    return true;
  } catch (error) {
    if (error === late) return false;
    throw error;
  }
}

/** Leases that lapsed a day ago: their completions are all swept by now, and a missing lease counts as lapsed. */
function forgetLongGone({ build, clock }: Database): Statement {
  const dayMs = 86_400_000;
  return statement(build.deleteFrom('process_lease').where((eb) => eb(eb('expires_at', '+', dayMs), '<', clock)));
}
