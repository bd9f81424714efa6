import { type Expression, type SqlBool, sql } from 'kysely';
import { type Database, chunks } from '../database.ts';
import { type PagePlan, type Position, toCursor } from '../page.ts';
import type { CompletionTable } from '../schema.ts';
import type { CompletionFilter } from '../types.ts';
import { type Condition, type Part, partsOf } from './filters.ts';
import { noEntry, searchEntries, whichMatch } from './search.ts';

// A page never reads more than a bounded stretch of the record, however much there is. The part of the filter that
// the fewest completions have is served by its index, the others are checked. Where nothing is found within the
// bound, the page ends early, and its cursor goes on from there.

/** Completions that one page looks at. */
const looksAt = 20_000;
/** Entries of the search index that one page looks at. */
const entriesLookedAt = 4_000;
/** How far the completions of a part are counted to find the smallest. */
const countsTo = 1_000;
const lookedUpAtOnce = 1_000;

export interface Found {
  rows: CompletionTable[];
  next: string | null;
}

export interface ListOptions {
  /** Only the last of each conversation that the filter lets through. */
  conversations?: boolean;
}

/** A stretch of what may be found. `end` is where it ends, null when nothing comes after it. */
interface Stretch {
  rows: CompletionTable[];
  end: Position | null;
}

/** Gives at most `wanted` completions after a place, out of the next `width` that it looks at. */
type Walk = (after: Position | null, width: number, wanted: number) => Promise<Stretch>;

/** A page of completions. Both `since` and `until` count themselves in. */
export async function listCompletions(
  database: Database,
  filter: CompletionFilter,
  plan: PagePlan,
  options: ListOptions = {},
): Promise<Found> {
  const { search, providers, models, kinds, states } = filter;
  if ([providers, models, kinds, states].some((list) => list?.length === 0)) return { rows: [], next: null };
  if (search !== undefined) {
    const walk = searchWalk(database, { ...filter, search }, plan, options);
    return collect(walk, plan, entriesLookedAt, (row) => [row.entry ?? 0, '']);
  }
  const parts = partsOf(database, filter);
  const driver = await chooseDriver(database, filter, parts);
  if (driver === 'nothing') return { rows: [], next: null };
  const walk = indexWalk(database, { filter, parts, driver, plan, options });
  return collect(walk, plan, looksAt, (row) => [row.created_at, row.id]);
}

async function collect(
  walk: Walk,
  { limit, after }: PagePlan,
  bound: number,
  position: (row: CompletionTable) => Position,
): Promise<Found> {
  const rows: CompletionTable[] = [];
  let place = after;
  let left = bound;
  for (let width = limit * 4; ; width *= 4) {
    const stretch = await walk(place, Math.min(width, left), limit + 1 - rows.length);
    rows.push(...stretch.rows);
    left -= width;
    const last = rows[limit - 1];
    if (rows.length > limit && last) return { rows: rows.slice(0, limit), next: toCursor(position(last)) };
    if (stretch.end === null) return { rows, next: null };
    if (left <= 0) return { rows, next: toCursor(stretch.end) };
    place = stretch.end;
  }
}

/** What a query is driven by: a condition of the part that has it. */
interface Driver {
  part: Part | null;
  condition: Condition;
}

const everything: Driver = { part: null, condition: () => sql<boolean>`1 = 1` };

/** The condition that the fewest completions meet, as far as they are counted. */
async function chooseDriver(
  { build, readAside }: Database,
  filter: CompletionFilter,
  parts: readonly Part[],
): Promise<Driver | 'nothing'> {
  const narrow = parts.find((part) => part.narrow);
  const candidates = narrow ? [narrow] : parts.filter(({ driving }) => driving.length > 0);
  const [only, ...others] = candidates.flatMap((part) => part.driving.map((condition) => ({ part, condition })));
  if (!only) return everything;
  if (others.length === 0) return only;
  const counts = [only, ...others].map(({ condition }, at) =>
    build
      .selectFrom(
        build
          .selectFrom('completion')
          .select('created_at')
          .where(condition('completion'))
          .where(within('completion', filter))
          .limit(countsTo)
          .as('some'),
      )
      .select((eb) => eb.fn.countAll<number>().as('found'))
      .select(sql<number>`${sql.raw(String(at))}`.as('at')),
  );
  const [first, ...rest] = counts;
  if (!first) return everything;
  const found = await readAside(rest.reduce((all, each) => all.unionAll(each), first));
  const countOf = new Map(found.map((row) => [row.at, row.found]));
  const drivers = [only, ...others].map((driver, at) => ({ ...driver, count: countOf.get(at) ?? 0 }));
  const usable = candidates
    .map((part) => drivers.filter((driver) => driver.part === part && driver.count > 0))
    .filter((some) => some.length <= 1);
  if (usable.some((some) => some.length === 0)) return 'nothing';
  const [best] = usable.flat().sort((a, b) => a.count - b.count);
  return best ?? everything;
}

interface IndexWalk {
  filter: CompletionFilter;
  parts: readonly Part[];
  driver: Driver;
  plan: PagePlan;
  options: ListOptions;
}

/** Walks along the index of the driver. */
function indexWalk({ build, kind, readAside }: Database, { filter, parts, driver, plan, options }: IndexWalk): Walk {
  const { order } = plan;
  const checked = parts.filter((part) => part !== driver.part).map((part) => part.checked);

  const plus = driver.part?.unordered === true && kind === 'sqlite' ? '+' : '';
  const along = (after: Position | null, end: Position | null) =>
    build
      .selectFrom('completion')
      .where(driver.condition('completion'))
      .where(between(order === 'asc' ? { after, end } : { after: end, end: after }))
      .orderBy(sql`${sql.raw(plus)}completion.created_at`, order)
      .orderBy('completion.id', order);

  return async (after, width, wanted) => {
    const narrowing = checked.length > 0 || options.conversations === true;
    const end = narrowing ? await endOf(after, width) : null;
    const rows = await readAside(
      along(after, end)
        .selectAll('completion')
        .where(all(checked, 'completion'))
        .$if(options.conversations === true, (query) => query.where(noLater()))
        .limit(wanted),
    );
    return { rows, end };
  };

  /** One bound on either side, the closer one: SQLite walks from the first that it is given. */
  function between({ after: low, end: high }: { after: Position | null; end: Position | null }): Expression<SqlBool> {
    const [first, last] = order === 'asc' ? (['>', '<='] as const) : (['>=', '<'] as const);
    const { since, until } = filter;
    const lower = low !== null && low[0] >= (since ?? low[0]);
    const upper = high !== null && high[0] <= (until ?? high[0]);
    const times = { ...(!lower && since !== undefined && { since }), ...(!upper && until !== undefined && { until }) };
    return sql.join<SqlBool>(
      [
        within('completion', times, plus),
        ...(lower ? [compare(first, low, plus)] : []),
        ...(upper ? [compare(last, high, plus)] : []),
      ],
      sql` and `,
    );
  }

  async function endOf(after: Position | null, width: number): Promise<Position | null> {
    const [last] = await readAside(
      along(after, null)
        .select(['completion.created_at', 'completion.id'])
        .limit(1)
        .offset(width - 1),
    );
    return last ? [last.created_at, last.id] : null;
  }

  function noLater(): Expression<SqlBool> {
    const later = build
      .selectFrom('completion as later')
      .select('later.id')
      .where(sql<boolean>`later.conversation_id = completion.conversation_id`)
      .where(sql<boolean>`(later.created_at, later.id) > (completion.created_at, completion.id)`)
      .where(within('later', filter, kind === 'sqlite' ? '+' : ''))
      .where(
        all(
          parts.map((part) => part.checked),
          'later',
        ),
      );
    return sql<boolean>`not exists ${later}`;
  }
}

/** Walks along the entries that match; their completions are checked. */
function searchWalk(
  database: Database,
  filter: CompletionFilter & { search: string },
  { order }: PagePlan,
  options: ListOptions,
): Walk {
  const { build, readAside } = database;
  const checked = partsOf(database, filter).map((part) => part.checked);

  const among = (entries: readonly number[]) =>
    build
      .selectFrom('completion')
      .selectAll()
      .where('entry', 'in', entries)
      .where('entry', '>', noEntry)
      .where(within('completion', filter))
      .where(all(checked, 'completion'))
      .orderBy('entry', order);

  /** Without those whose conversation has a later one that is found too. */
  async function lastOnly(rows: readonly CompletionTable[]): Promise<CompletionTable[]> {
    const conversations = [...new Set(rows.map((row) => row.conversation_id))];
    const first = Math.min(...rows.map((row) => row.entry ?? 0));
    const later = await readAside(
      build
        .selectFrom('completion')
        .select('entry')
        .where('conversation_id', 'in', conversations)
        .where(sql<boolean>`+entry >= ${first}`),
    );
    const entries = later.map(({ entry }) => entry ?? noEntry);
    const last = new Map<string, number>();
    for (const some of chunks(await whichMatch(database, filter, entries), lookedUpAtOnce)) {
      for (const row of await readAside(among(some))) {
        last.set(row.conversation_id, Math.max(row.entry ?? 0, last.get(row.conversation_id) ?? 0));
      }
    }
    return rows.filter((row) => last.get(row.conversation_id) === row.entry);
  }

  return async (after, width, wanted) => {
    const entries = await searchEntries(database, filter, { after: after?.[0] ?? null, order, limit: width });
    const end: Position | null = entries.length < width ? null : [entries.at(-1) ?? 0, ''];
    if (entries.length === 0) return { rows: [], end };
    if (!options.conversations) return { rows: await readAside(among(entries).limit(wanted)), end };
    const rows = await lastOnly(await readAside(among(entries)));
    return { rows: rows.slice(0, wanted), end };
  };
}

/** Compares a completion's place in time with another. */
function compare(operator: '<' | '<=' | '>' | '>=', position: Position | null, plus: '+' | ''): Expression<SqlBool> {
  const [time, id] = position ?? [0, ''];
  return sql<boolean>`(${sql.raw(plus)}completion.created_at, completion.id) ${sql.raw(operator)} (${time}, ${id})`;
}

function all(conditions: readonly Condition[], alias: string): Expression<SqlBool> {
  return sql.join<SqlBool>([sql`1 = 1`, ...conditions.map((condition) => condition(alias))], sql` and `);
}

/** With a plus before a column SQLite does not take the index of times for it. */
function within(alias: string, { since, until }: CompletionFilter, plus: '+' | '' = ''): Expression<SqlBool> {
  const time = sql`${sql.raw(plus)}${sql.ref(`${alias}.created_at`)}`;
  return sql.join<SqlBool>(
    [
      sql`1 = 1`,
      ...(since === undefined ? [] : [sql`${time} >= ${since}`]),
      ...(until === undefined ? [] : [sql`${time} <= ${until}`]),
    ],
    sql` and `,
  );
}
