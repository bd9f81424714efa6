import type { Compilable } from 'kysely';
import { type Database, type Parameter, type Statement, toParameter } from './database.ts';

// Building a query and writing it as SQL takes longer than running it. What runs for every chat is compiled once; then
// only values are put in.

/** Stands in a compiled statement for a value of the row `at`. */
interface Slot {
  at: number;
  key: string;
}

interface Plan {
  sql: string;
  parameters: { slot: Slot | null; fixed: Parameter }[];
}

type Expect = Statement['expect'];

/**
 * A statement that is compiled when it is first used. `make` gets places for values instead of values: it must put them
 * where values belong and not look at them. Every use gives the same keys.
 */
export function compileOnce<V extends object>(
  make: (values: V) => Compilable<unknown>,
): (values: V, expect?: Expect) => Statement {
  const compiled = compileRows<V>(([values]) => make(values as V));
  return (values, expect) => compiled([values], expect);
}

/** As {@link compileOnce}, for a list of rows; compiled once for each length. */
export function compileRows<V extends object>(
  make: (rows: V[]) => Compilable<unknown>,
): (rows: readonly V[], expect?: Expect) => Statement {
  const plans = new Map<number, Plan>();
  return (rows, expect) => {
    const plan = plans.get(rows.length) ?? planFor(make, rows);
    plans.set(rows.length, plan);
    const parameters = plan.parameters.map(({ slot, fixed }) =>
      slot ? toParameter((rows[slot.at] as Record<string, unknown>)[slot.key]) : fixed,
    );
    return expect ? { sql: plan.sql, parameters, expect } : { sql: plan.sql, parameters };
  };
}

/** What is made once for each database. */
export function perDatabase<T>(make: (database: Database) => T): (database: Database) => T {
  const made = new WeakMap<Database, T>();
  return (database) => {
    const known = made.get(database) ?? make(database);
    made.set(database, known);
    return known;
  };
}

function planFor<V extends object>(make: (rows: V[]) => Compilable<unknown>, rows: readonly V[]): Plan {
  const slots = new Set<unknown>();
  const places = rows.map((row, at) => {
    const entries = Object.keys(row).map((key) => [key, { at, key } satisfies Slot] as const);
    for (const [, slot] of entries) slots.add(slot);
    return Object.fromEntries(entries) as unknown as V;
  });
  const { sql, parameters } = make(places).compile();
  return {
    sql,
    parameters: parameters.map((value) =>
      slots.has(value) ? { slot: value as Slot, fixed: null } : { slot: null, fixed: toParameter(value) },
    ),
  };
}
