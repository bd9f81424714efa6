import { setImmediate } from 'node:timers/promises';
import { sql } from 'kysely';
import { type Json, isObject } from '../../core/canonical.ts';
import { RatchetError } from '../../core/errors.ts';
import { type WireMessage, textOf } from '../../core/message.ts';
import { compileOnce, perDatabase } from '../compiled.ts';
import { type Database, type Statement, chunks, statement } from '../database.ts';
import { decodeJson, decodeNullable } from '../json.ts';
import type { CompletionTable } from '../schema.ts';
import type { CompletionFilter } from '../types.ts';
import type { StoredChoice } from './choices.ts';
import { type MessageReader, type MessageRef, loadMessages, nullIfMissing } from './messages.ts';
import { ownerWord, parseSearch, toFts5, toTsquery, wordsIn } from './words.ts';

// The index has an entry for each completion, with what was said new in it. An entry's number grows with the time of
// its completion, so that what is found comes newest first without being sorted.

/** Entries for one millisecond; more go on in one that follows. Whole numbers hold the product until 2039. */
const perMilli = 4096;
/** By how much an entry's number may run ahead of its time, when a great many have one time. */
const slackMs = 65_536;
/** Messages from the end of a request that are looked at first. */
const tailLength = 8;
/** A longer message, such as one with images, is not read together with those of other completions. */
const sharedBytes = 64 * 1024;
/** How much text is cut into words before chats get their turn: that takes about two milliseconds. */
const charactersAtOnce = 200_000;
/** Milliseconds that are looked at for a free number. */
const attempts = 50;
const lookedUpAtOnce = 1_000;

/** Which completion has no words, or none that may be kept. */
export const noEntry = 0;

type Search = CompletionFilter & { search: string };

/** Numbers of the entries that match, at most `limit`, in order. */
export async function searchEntries(
  database: Database,
  filter: Search,
  { after, order, limit }: { after: number | null; order: 'asc' | 'desc'; limit: number },
): Promise<number[]> {
  const { since, until } = filter;
  const number = numberOf(database);
  const rows = await database.readAside(
    matching(database, filter)
      .$if(after !== null, (query) => query.where(number, order === 'asc' ? '>' : '<', after ?? 0))
      .$if(since !== undefined, (query) => query.where(number, '>=', (since ?? 0) * perMilli))
      .$if(until !== undefined, (query) => query.where(number, '<=', ((until ?? 0) + slackMs) * perMilli))
      .orderBy(number, order)
      .limit(limit),
  );
  return rows.map(({ entry }) => entry);
}

/** Which of these entries match. */
export async function whichMatch(database: Database, filter: Search, entries: readonly number[]): Promise<number[]> {
  const found: number[] = [];
  for (const some of chunks(entries, lookedUpAtOnce)) {
    const rows = await database.readAside(matching(database, filter).where(numberOf(database), 'in', some));
    found.push(...rows.map(({ entry }) => entry));
  }
  return found;
}

function matching(database: Database, { search, owner }: Search) {
  const terms = parseSearch(search);
  const matches =
    database.kind === 'sqlite'
      ? sql<boolean>`search match ${toFts5(terms, owner)}`
      : sql<boolean>`tsv @@ to_tsquery('simple', ${toTsquery(terms, owner)})`;
  return database.build
    .selectFrom('search')
    .select(`${numberOf(database)} as entry`)
    .where(matches);
}

function numberOf({ kind }: Database) {
  return kind === 'sqlite' ? 'search.rowid' : 'search.entry';
}

/** What is read of a completion to index it. */
const indexedColumns = [
  'id',
  'owner',
  'record',
  'messages_json',
  'choices_json',
  'created_at',
  'erased_at',
] as const satisfies (keyof CompletionTable)[];

type Unindexed = Pick<CompletionTable, (typeof indexedColumns)[number]>;

/**
 * Indexes up to `limit` closed completions that are not indexed yet, the newest first; returns how many there were. Runs
 * behind the chats: nothing waits for it, and what it writes is not synced, since it can be made again.
 */
export async function indexNext(database: Database, limit: number): Promise<number> {
  const { build, readAside } = database;
  const rows = await readAside(
    build
      .selectFrom('completion')
      .select(indexedColumns)
      .where('entry', 'is', null)
      .where('finished_at', 'is not', null)
      .orderBy('finished_at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit),
  );
  const words = await newWords(
    database,
    rows.filter((row) => row.erased_at === null && row.record === 'all'),
  );
  const entries = await freeEntries(
    database,
    rows.filter(({ id }) => words.has(id)),
  );
  const { takeEntry } = searchStatements(database);
  // In the order in which erasing locks them: on PostgreSQL the two would wait for each other otherwise.
  const ordered = rows.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const batches = ordered.map(({ id, owner }) => {
    const entry = entries.get(id) ?? noEntry;
    const take = takeEntry({ id, entry }, { rows: 1, error: takenMeanwhile });
    return entry === noEntry ? [take] : [take, insertEntry(database, { entry, owner, words: words.get(id) ?? '' })];
  });
  if (await writeOnce(database, batches.flat())) return rows.length;
  for (const batch of batches) await writeOnce(database, batch);
  return rows.length;
}

const searchStatements = perDatabase(({ build }) => ({
  takeEntry: compileOnce(({ id, entry }: { id: string; entry: number }) =>
    build.updateTable('completion').set({ entry }).where('id', '=', id).where('entry', 'is', null),
  ),
}));

function takenMeanwhile(): RatchetError {
  return new RatchetError('Conflict', 'This completion was indexed or erased meanwhile: go on.');
}

/** False when one of them was indexed by another process, or erased, since it was read. */
async function writeOnce({ write }: Database, statements: Statement[]): Promise<boolean> {
  if (statements.length === 0) return true;
  try {
    await write(statements, { sync: false });
    return true;
  } catch (error) {
    if (error instanceof RatchetError && error.code === 'Conflict') return false;
    throw error;
  }
}

/** Statement that takes the entry which a completion has at that moment out of the index, and all its words with it. */
export function removeEntryOf(database: Database, completionId: string): Statement {
  const { build } = database;
  const entry = build.selectFrom('completion').select('completion.entry').where('completion.id', '=', completionId);
  return statement(build.deleteFrom('search').where(numberOf(database), '=', entry));
}

/** A completion's messages. */
interface Turn {
  id: string;
  asked: MessageRef[];
  answers: StoredChoice[];
}

/** The new words of each completion that has some. One read serves nearly all of them. */
async function newWords(database: Database, rows: readonly Unindexed[]): Promise<Map<string, string>> {
  const turns = rows.map(turnOf);
  const read = await readMessages(database, turns, tailLength, sharedBytes);
  const found = new Map<string, string>();
  let characters = 0;
  for (const turn of turns) {
    const said = nullIfMissing(() => saidIn(turn, tailLength, read)) ?? (await saidAlone(database, turn));
    const words = wordsIn(said);
    if (words !== '') found.set(turn.id, words);
    characters += said.length;
    if (characters < charactersAtOnce) continue;
    characters = 0;
    await setImmediate();
  }
  return found;
}

function turnOf({ id, messages_json, choices_json }: Unindexed): Turn {
  return {
    id,
    asked: decodeJson<MessageRef[]>(messages_json),
    answers: decodeNullable<StoredChoice[]>(choices_json) ?? [],
  };
}

/** Reads one completion's messages, however long they are and however far back what is new begins. */
async function saidAlone(database: Database, turn: Turn): Promise<string> {
  try {
    const tail = saidIn(turn, tailLength, await readMessages(database, [turn], tailLength));
    return tail ?? saidIn(turn, Infinity, await readMessages(database, [turn], Infinity)) ?? '';
  } catch (error) {
    if (await isErased(database, turn.id)) return '';
    throw error;
  }
}

/** Messages of a completion that was erased since it was read are gone. */
async function isErased({ build, readAside }: Database, id: string): Promise<boolean> {
  const rows = await readAside(build.selectFrom('completion').select('erased_at').where('id', '=', id));
  return rows.every(({ erased_at }) => erased_at !== null);
}

async function readMessages(
  database: Database,
  turns: readonly Turn[],
  length: number,
  maxBytes?: number,
): Promise<MessageReader> {
  const ids = turns.flatMap(({ asked, answers }) => [...asked.slice(-length), ...answers].map(({ id }) => id));
  return loadMessages({ ...database, read: database.readAside }, ids, maxBytes);
}

/**
 * What was said that the completions before do not have: after the last answer in the history, and the answers. Null
 * when it begins before the last `length` messages.
 */
function saidIn({ asked, answers }: Turn, length: number, read: MessageReader): string | null {
  const said = answers.map(({ id }) => spoken(read({ id, overlay: { content: 's' } })));
  for (const ref of asked.slice(-length).toReversed()) {
    const message = read(ref);
    if (message.role === 'assistant') return said.join('\n');
    said.unshift(spoken(message));
  }
  return length < asked.length ? null : said.join('\n');
}

/** Text of a message, and what its calls of tools say. */
function spoken(message: WireMessage): string {
  const calls = Array.isArray(message.tool_calls) ? message.tool_calls : [];
  return [textOf(message.content), ...calls.map(called)].join('\n');
}

function called(call: Json): string {
  if (!isObject(call) || !isObject(call.function)) return '';
  const { name, arguments: given } = call.function;
  return [name, given].filter((text) => typeof text === 'string').join(' ');
}

/** A number for each entry that no other has: by time, and in one millisecond by the counter of the completion's id. */
async function freeEntries(database: Database, rows: readonly Unindexed[]): Promise<Map<string, number>> {
  const wanted = rows.map((row) => row.created_at * perMilli + counterOf(row.id));
  const taken = await takenEntries(database, wanted);
  const entries = new Map<string, number>();
  for (const [at, row] of rows.entries()) {
    const first = wanted[at] ?? 0;
    const entry = taken.has(first) ? await laterEntry(database, row, taken) : first;
    taken.add(entry);
    entries.set(row.id, entry);
  }
  return entries;
}

/** Which of these entries another completion has. */
async function takenEntries({ build, readAside }: Database, wanted: readonly number[]): Promise<Set<number>> {
  const taken = new Set<number>();
  for (const some of chunks(wanted, lookedUpAtOnce)) {
    const rows = await readAside(
      build.selectFrom('completion').select('entry').where('entry', '>', noEntry).where('entry', 'in', some),
    );
    for (const { entry } of rows) taken.add(entry ?? noEntry);
  }
  return taken;
}

async function laterEntry(database: Database, row: Unindexed, taken: ReadonlySet<number>): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    // A great many of one time are strewn over the minute that follows.
    const ahead = attempt < 4 ? attempt : Math.floor(Math.random() * slackMs);
    const first = (row.created_at + ahead) * perMilli;
    const [last] = await usedEntries(database, first, first + perMilli);
    let next = last === undefined ? first : last + 1;
    while (taken.has(next)) next += 1;
    if (next < first + perMilli) return next;
  }
  throw new RatchetError('Bug', `There is no room in the search index for the completion ${row.id}.`);
}

/** The last entry in a range. */
async function usedEntries({ build, readAside }: Database, from: number, to: number): Promise<number[]> {
  const rows = await readAside(
    build
      .selectFrom('completion')
      .select('entry')
      .where('entry', '>', noEntry)
      .where('entry', '>=', from)
      .where('entry', '<', to)
      .orderBy('entry', 'desc')
      .limit(1),
  );
  return rows.flatMap(({ entry }) => entry ?? []);
}

/** The 12 bits after the time of a version 7 UUID. */
function counterOf(id: string): number {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/.test(id) ? Number.parseInt(id.slice(15, 18), 16) : 0;
}

interface Entry {
  entry: number;
  owner: string;
  /** Parted by blanks. */
  words: string;
}

function insertEntry({ kind }: Database, { entry, owner, words }: Entry): Statement {
  const tag = ownerWord(owner);
  return kind === 'sqlite'
    ? { sql: 'insert into search (rowid, text, tag) values (?, ?, ?)', parameters: [entry, words, tag] }
    : {
        sql: `insert into search (entry, tsv) values ($1, to_tsvector('simple', $2))`,
        parameters: [entry, `${tag} ${words}`],
      };
}
