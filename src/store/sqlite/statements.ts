import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Parameter, Row } from '../database.ts';
import type { StatementAnswer } from './protocol.ts';

const kept = 200;

interface Prepared {
  query: StatementSync;
  /** Whether it gives rows. */
  gives: boolean;
}

/** Runs statements of one connection, keeping the most used ones prepared. */
export function createRunner(connection: DatabaseSync): (sql: string, parameters: Parameter[]) => StatementAnswer {
  const prepared = new Map<string, Prepared>();

  function prepare(sql: string): Prepared {
    const query = connection.prepare(sql);
    const made = { query, gives: query.columns().length > 0 };
    prepared.set(sql, made);
    if (prepared.size > kept) forget();
    return made;
  }

  /** Half at a time: keeping the order of use would cost more with every statement than preparing some again. */
  function forget(): void {
    for (const sql of [...prepared.keys()].slice(0, kept / 2)) prepared.delete(sql);
  }

  return (sql, parameters) => {
    const { query, gives } = prepared.get(sql) ?? prepare(sql);
    return gives ? query.all(...parameters) : Number(query.run(...parameters).changes);
  };
}

/** The rows that a statement gave. */
export function rowsOf(answer: StatementAnswer): Row[] {
  return typeof answer === 'number' ? [] : answer;
}
