import { type Database, chunks, statement } from './database.ts';
import { now, uuidv7 } from './ids.ts';
import { requireChoice } from './require-choice.ts';
import type { SignalTable } from './schema.ts';
import type { SignalKind, SignalRecord, SignalStore } from './types.ts';

/** Weak signals: events that are only ever added, apart from feedback. */
export function createSignalStore(database: Database): SignalStore {
  const { build } = database;
  return {
    add: async ({ completionId, choice, kind, owner, source }) => {
      await requireChoice(database, completionId, choice);
      const row: SignalTable = {
        id: uuidv7(),
        completion_id: completionId,
        choice,
        kind,
        owner,
        source,
        created_at: now(),
      };
      await database.write([statement(build.insertInto('signal').values(row))]);
      return toRecord(row);
    },
    ofCompletions: async (ids) => {
      const records: SignalRecord[] = [];
      for (const some of chunks([...new Set(ids)], 1000)) {
        const query = build.selectFrom('signal').selectAll().where('completion_id', 'in', some);
        records.push(...(await database.read(query)).map(toRecord));
      }
      return records.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
    },
  };
}

function toRecord(row: SignalTable): SignalRecord {
  return {
    id: row.id,
    completionId: row.completion_id,
    choice: row.choice,
    kind: row.kind as SignalKind,
    owner: row.owner,
    source: row.source,
    createdAt: row.created_at,
  };
}
