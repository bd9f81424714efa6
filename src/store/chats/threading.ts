import { RatchetError } from '../../core/errors.ts';
import { compileOnce, compileRows, perDatabase } from '../compiled.ts';
import { type Database, type Statement, chunks, statement } from '../database.ts';
import { now, uuidv7 } from '../ids.ts';
import type { ConversationTable, ThreadNodeTable } from '../schema.ts';
import { type History, type Point, hashesOf } from './thread-hashes.ts';

const lookedUpAtOnce = 450;
/** Exchanges from the end of a history that a trimmed one is looked for by. */
const exchangesLookedAt = 4;
const placingAttempts = 20;

export interface Placement {
  conversationId: string;
  /** The node by which datasets are split: it stays that of the conversation however the chat grows. */
  node: string | null;
  /** What makes the conversation, or marks where it was continued. */
  statements: Statement[];
  /** Hashes by which others find what is marked. */
  marked: readonly string[];
}

/** What is asked of a request to find its conversation. */
export interface Placing {
  owner: string;
  /** When given it decides. */
  conversationId?: string;
  history: History;
  /** Id of the request's first user message: the node of a conversation that it begins. */
  firstUser: string | null;
}

/** An answer of ours that a request goes on from. */
interface Candidate {
  hash: string;
  conversation_id: string;
  created_at: number;
  continued_at: number | null;
  point: string | null;
  node: string | null;
}

/**
 * Finds the conversation that a request goes on with, or begins one, and writes it with what `write` makes of the
 * placement. When another request goes on from the same answer at the same moment, the place is looked for again.
 */
export async function placeAndWrite(
  database: Database,
  placing: Placing,
  write: (placement: Placement) => Promise<void>,
): Promise<Placement> {
  for (let attempt = 1; ; attempt += 1) {
    const placement = await placeRequest(database, placing);
    try {
      await write(placement);
      return placement;
    } catch (error) {
      if (!isOvertaken(error) || attempt === placingAttempts) throw error;
    }
  }
}

/** Statements that let later requests find an answer of ours. `messageId` is the answer's. */
export function rememberAnswer(
  database: Database,
  point: Point,
  { conversationId, messageId }: { conversationId: string; messageId: string },
): Statement {
  const rows = hashesOf(point).map((hash) => ({
    hash,
    conversation_id: conversationId,
    point: pointOf(messageId),
    created_at: now(),
  }));
  return threadStatements(database).insertNodes(rows);
}

/** By what reads find what a placement writes; null where it depends on what the tables say. */
export function keysOf({ marked, statements }: Placement): readonly string[] | null {
  return statements.some(({ expect }) => expect !== undefined) ? null : marked;
}

/** What ties the hashes of one answer together: half of its message's id. */
export function pointOf(messageId: string): string {
  return messageId.slice(0, 32);
}

/** Finds the place of a request; nothing is written. */
export async function placeRequest(database: Database, placing: Placing): Promise<Placement> {
  if (placing.conversationId !== undefined) return placeByName(database, placing, placing.conversationId);
  const candidates = await findCandidates(database, placing.history.points);
  const [only, ...others] = candidates;
  if (!only) return beginConversation(database, placing.owner, placing.firstUser);
  if (others.length === 0) return goOn(database, placing, only, null);
  const free = candidates.find(({ continued_at }) => continued_at === null);
  if (free) return goOn(database, placing, free, overtaken());
  // What they share stays in one split, though they are not one conversation.
  return beginConversation(database, placing.owner, only.node ?? placing.firstUser);
}

/** The conversations that know the longest of a history's prefixes, else its last exchange; the newest first. */
async function findCandidates(database: Database, points: readonly Point[]): Promise<Candidate[]> {
  const newestFirst = [...points].reverse();
  const prefixes = newestFirst.flatMap(({ whole, bare }) => [whole, bare]);
  const exchanges = newestFirst.map(({ exchange }) => exchange).filter((hash) => hash !== null);
  // Nearly always the last answer is known: it is asked for alone.
  const stages = [prefixes.slice(0, 2), ...chunks(prefixes.slice(2), lookedUpAtOnce)];
  for (const hashes of [...stages, exchanges.slice(0, exchangesLookedAt)]) {
    const found = await lookUp(database, hashes);
    const best = hashes.find((hash) => found.some((candidate) => candidate.hash === hash));
    if (best !== undefined) return found.filter(({ hash }) => hash === best);
  }
  return [];
}

async function lookUp(database: Database, hashes: readonly string[]): Promise<Candidate[]> {
  if (hashes.length === 0) return [];
  if (database.journal?.holds(hashes)) await database.journal.settle();
  return database.readCompiled(threadStatements(database).nodesOf(hashes.map((hash) => ({ hash }))));
}

const threadStatements = perDatabase(({ build }) => ({
  nodesOf: compileRows((rows: { hash: string }[]) =>
    build
      .selectFrom('thread_node')
      .innerJoin('conversation', 'conversation.id', 'thread_node.conversation_id')
      .select(['hash', 'conversation_id', 'thread_node.created_at', 'continued_at', 'point', 'node'])
      .where(
        'hash',
        'in',
        rows.map(({ hash }) => hash),
      )
      .orderBy('thread_node.created_at', 'desc')
      .orderBy('conversation_id', 'desc'),
  ),
  insertNodes: compileRows((rows: Omit<ThreadNodeTable, 'continued_at'>[]) =>
    build
      .insertInto('thread_node')
      .values(rows)
      .onConflict((conflict) => conflict.columns(['hash', 'conversation_id']).doNothing()),
  ),
  markHashes: compileRows((rows: Mark[]) => markOf(build, rows, [])),
  markPoint: compileRows((rows: Mark[]) => markOf(build, rows, [rows[0]?.point ?? ''])),
  insertConversation: compileOnce((row: Omit<ConversationTable, 'rated'>) =>
    build.insertInto('conversation').values(row),
  ),
}));

/** Goes on from a candidate. With `lost`, only if nobody has done so yet. */
function goOn(database: Database, placing: Placing, candidate: Candidate, lost: RatchetError | null): Placement {
  const { build } = database;
  const { conversation_id: conversationId, hash, point } = candidate;
  const known = placing.history.points.find((each) => hashesOf(each).includes(hash));
  const claim = build
    .updateTable('thread_node')
    .set({ continued_at: now() })
    .where('conversation_id', '=', conversationId)
    .where('hash', '=', hash)
    .where('continued_at', 'is', null);
  const node = candidate.node ?? placing.firstUser;
  const marked = known ? hashesOf(known) : [hash];
  return {
    conversationId,
    node,
    marked,
    statements: [
      ...(lost ? [statement(claim, { rows: 1, error: lost })] : []),
      ...markContinued(database, conversationId, marked, point),
      ...(candidate.node === null && node !== null ? [giveNode(database, conversationId, node)] : []),
    ],
  };
}

async function placeByName(database: Database, placing: Placing, id: string): Promise<Placement> {
  const { build, read } = database;
  const { owner, history, firstUser } = placing;
  const [found] = await read(
    build.selectFrom('conversation').select('node').where('id', '=', id).where('owner', '=', owner),
  );
  if (!found) {
    throw new RatchetError(
      'NotFound',
      `You have no conversation "${id}": leave x-conversation-id out to begin one, or send an id that an answer gave.`,
    );
  }
  const last = history.points.at(-1);
  const node = found.node ?? firstUser;
  const marked = last ? hashesOf(last) : [];
  return {
    conversationId: id,
    node,
    marked,
    statements: [
      ...(last ? markContinued(database, id, marked, null) : []),
      ...(found.node === null && node !== null ? [giveNode(database, id, node)] : []),
    ],
  };
}

/** Marks every hash of an answer, so that whoever finds it by another of them sees that it was gone on from. */
function markContinued(
  database: Database,
  conversationId: string,
  hashes: readonly string[],
  point: string | null,
): Statement[] {
  const { markHashes, markPoint } = threadStatements(database);
  const mark = { conversation_id: conversationId, continued_at: now() };
  const rows = hashes.map((hash) => ({ hash, point, ...mark }));
  return [point === null ? markHashes(rows) : markPoint(rows)];
}

type Mark = Pick<ThreadNodeTable, 'hash' | 'conversation_id' | 'continued_at' | 'point'>;

function markOf(build: Database['build'], rows: readonly Mark[], points: readonly string[]) {
  const [first] = rows;
  return build
    .updateTable('thread_node')
    .set({ continued_at: first?.continued_at ?? null })
    .where('conversation_id', '=', first?.conversation_id ?? '')
    .where('continued_at', 'is', null)
    .where((eb) =>
      eb.or([
        eb(
          'hash',
          'in',
          rows.map(({ hash }) => hash),
        ),
        ...points.map((point) => eb('point', '=', point)),
      ]),
    );
}

function giveNode({ build }: Database, conversationId: string, node: string): Statement {
  return statement(
    build.updateTable('conversation').set({ node }).where('id', '=', conversationId).where('node', 'is', null),
  );
}

function beginConversation(database: Database, owner: string, node: string | null): Placement {
  const id = uuidv7();
  const insert = threadStatements(database).insertConversation({ id, owner, node, created_at: now() });
  return { conversationId: id, node, marked: [], statements: [insert] };
}

function overtaken(): RatchetError {
  return new RatchetError('Conflict', 'Another request went on from the same answer: send this one again.', {
    details: { overtaken: true },
  });
}

function isOvertaken(error: unknown): boolean {
  return error instanceof RatchetError && error.details.overtaken === true;
}
