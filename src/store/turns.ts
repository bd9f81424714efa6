import { type SelectQueryBuilder, sql } from 'kysely';
import { type Database, isConstraint, statement } from './database.ts';
import { now } from './ids.ts';
import type { Schema } from './schema.ts';
import type { CycleStore } from './types.ts';

type Turns = Pick<CycleStore, 'enqueue' | 'takeTurn' | 'releaseTurn' | 'line'>;

/** The line for each base. That nobody shares a turn is the schema's doing: one held row for a base at most. */
export function createTurns(database: Database): Turns {
  const { build, read } = database;
  return {
    enqueue: (base, cycleId) => enqueue(database, base, cycleId),
    takeTurn: (base, cycleId) => takeTurn(database, base, cycleId),
    releaseTurn: async (base, cycleId) => {
      const place = build.deleteFrom('turn').where('base', '=', base).where('cycle_id', '=', cycleId);
      await database.write([statement(place)]);
    },
    line: async (base) => {
      const rows = await read(
        build.selectFrom('turn').selectAll().where('base', '=', base).orderBy('held', 'desc').orderBy('place'),
      );
      return rows.map((row) => ({ cycleId: row.cycle_id, held: row.held === 1, since: row.since }));
    },
  };
}

async function enqueue(database: Database, base: string, cycleId: string): Promise<void> {
  const { build } = database;
  const last = build
    .selectFrom('turn')
    .where('base', '=', base)
    .select(sql<number>`coalesce(max(place), 0) + 1`.as('place')) as SelectQueryBuilder<
    Schema,
    'turn',
    { place: number }
  >;
  const join = build
    .insertInto('turn')
    .values({ base, cycle_id: cycleId, place: last, held: 0, since: now() })
    .onConflict((conflict) => conflict.columns(['base', 'cycle_id']).doNothing());
  for (;;) {
    try {
      await database.write([statement(join)]);
      return;
    } catch (error) {
      // PostgreSQL lets two join at once; one of them finds the place taken and tries the next.
      if (!isConstraint(error, 'unique')) throw error;
    }
  }
}

async function takeTurn(database: Database, base: string, cycleId: string): Promise<boolean> {
  const { build } = database;
  const take = build
    .updateTable('turn')
    .set({ held: 1, since: now() })
    .where('base', '=', base)
    .where('cycle_id', '=', cycleId)
    .where('held', '=', 0)
    .where((eb) =>
      eb(
        'place',
        '=',
        eb
          .selectFrom('turn as first')
          .select(({ fn }) => fn.min('first.place').as('place'))
          .where('first.base', '=', base),
      ),
    );
  try {
    await database.write([statement(take)]);
  } catch (error) {
    if (!isConstraint(error, 'unique')) throw error;
  }
  const [mine] = await database.read(
    build.selectFrom('turn').select('held').where('base', '=', base).where('cycle_id', '=', cycleId),
  );
  return mine?.held === 1;
}
