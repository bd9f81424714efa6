import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Parameter, Row, WriteResult } from '../database.ts';

const kept = 200;

/** Runs statements of one connection, keeping the most used ones prepared. */
export function createRunner(connection: DatabaseSync): (sql: string, parameters: Parameter[]) => WriteResult {
  const prepared = new Map<string, StatementSync>();

  function prepare(sql: string): StatementSync {
    const known = prepared.get(sql);
    const found = known ?? connection.prepare(sql);
    prepared.delete(sql);
    prepared.set(sql, found);
    const [oldest] = prepared.keys();
    if (prepared.size > kept && oldest !== undefined) prepared.delete(oldest);
    return found;
  }

  return (sql, parameters) => {
    const query = prepare(sql);
    if (query.columns().length > 0) {
      const rows = query.all(...parameters) as Row[];
      return { rows, affected: rows.length };
    }
    return { rows: [], affected: Number(query.run(...parameters).changes) };
  };
}
