import { type Expression, type SqlBool, sql } from 'kysely';
import { RatchetError } from '../core/errors.ts';
import type { Page, PageRequest } from './types.ts';

const maxLimit = 1000;

/** Place of a row in a list: what it is ordered by, then its id. */
export type Position = [order: number, id: string];

export interface PagePlan {
  limit: number;
  order: 'asc' | 'desc';
  after: Position | null;
}

/** Reads a request for a page. Newest first unless it says otherwise. */
export function planPage({ limit, cursor, order = 'desc' }: PageRequest): PagePlan {
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > maxLimit) {
    throw new RatchetError('InvalidInput', `A page has 1 to ${maxLimit} items: ask for that many, not ${limit}.`);
  }
  return { limit, order, after: cursor === undefined ? null : decodeCursor(cursor) };
}

/** The condition that a row comes after the cursor, for columns that the list is ordered by. */
export function isAfter(
  [order, id]: Position,
  direction: 'asc' | 'desc',
  columns: readonly [string, string],
): Expression<SqlBool> {
  // Compared as a row, the two are served by one index: an "or" would read from the first row to the cursor.
  const beyond = sql.raw(direction === 'asc' ? '>' : '<');
  return sql<boolean>`(${sql.ref(columns[0])}, ${sql.ref(columns[1])}) ${beyond} (${order}, ${id})`;
}

/** A page from one row more than asked for. */
export function toPage<R, T>(rows: readonly R[], plan: PagePlan, position: (row: R) => Position, items: T[]): Page<T> {
  const last = rows[plan.limit - 1];
  const more = rows.length > plan.limit && last !== undefined;
  return { items: items.slice(0, plan.limit), next: more ? toCursor(position(last)) : null };
}

/** A place as a cursor. */
export function toCursor(position: Position): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

function decodeCursor(cursor: string): Position {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(value) && Number.isFinite(value[0]) && typeof value[1] === 'string') return [value[0], value[1]];
  } catch {
    // Told below, with every other cursor that is not ours.
  }
  throw new RatchetError('InvalidInput', 'This is not a cursor that a page gave: start from the first page again.');
}
