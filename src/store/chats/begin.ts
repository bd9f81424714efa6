import type { Database, Statement } from '../database.ts';
import { timeOf, uuidv7 } from '../ids.ts';
import { encodeJson } from '../json.ts';
import type { BeginOptions, BegunCompletion, NewCompletion } from '../types.ts';
import type { ChatContext } from './ending.ts';
import { type IdentifiedMessage, identifyAll, insertMessages, isForgotten, storeChain, toRef } from './messages.ts';
import { type OpenChats, crowd } from './open-chats.ts';
import { type BegunRow, type OutcomeRow, chatStatements } from './statements.ts';
import { encodeThread, hashHistory } from './thread-hashes.ts';
import { type Placement, type Placing, keysOf, placeAndWrite, placeRequest } from './threading.ts';

/** In a crowd a request is held so many times as long. */
const crowdHolds = 4;

/** Places a request in its conversation and writes it, at once or when its outcome is there. */
export async function begin(
  context: ChatContext,
  request: NewCompletion,
  { holdMs = 0, journaled = false, lost = () => undefined }: BeginOptions = {},
): Promise<BegunCompletion> {
  const { database, open } = context;
  const { messages, placing, row } = prepare(context, request);
  const begun: BegunCompletion = { id: row.id, conversationId: '' };

  function adopt({ conversationId }: Placement): void {
    const { id, tip, thread, owner, provider, model, key_id, team } = row;
    const place = { conversation_id: conversationId, journaled };
    open.begun.set(id, { tip, thread, owner, provider, model, key_id, team, ...place });
    begun.conversationId = conversationId;
  }

  function rowsOf({ conversationId, node, statements }: Placement, outcome?: OutcomeRow): Statement[] {
    const begins = { ...row, conversation_id: conversationId, node };
    const { insertCompletion, insertEnded } = chatStatements(database);
    return [...statements, outcome ? insertEnded({ ...begins, ...outcome }) : insertCompletion(begins)];
  }

  const wholeOf = (placement: Placement): Statement[] => [...insertMessages(database, messages), ...rowsOf(placement)];

  /** False when it has to be written into the tables. */
  async function note(): Promise<boolean> {
    if (!journaled || !database.journal) return false;
    const placement = await placeRequest(database, placing);
    const keys = keysOf(placement);
    if (!keys) return false;
    const statements = [...storeChain(database, messages, open), ...rowsOf(placement)];
    // Messages were erased meanwhile.
    const refused = async (beneath: Database): Promise<void> => {
      open.forget();
      await beneath.write(wholeOf(placement));
    };
    const noted = database.journal.note({ statements, keys, refused }, { sync: false });
    if (!noted) return false;
    open.notedAt = performance.now();
    await noted;
    adopt(placement);
    open.remember(messages.map(({ id }) => id));
    return true;
  }

  const write = async (): Promise<void> => {
    if (await note()) return;
    const place = (placement: Placement) => writeBegun(database, open, messages, rowsOf(placement));
    adopt(await placeAndWrite(database, placing, place));
  };
  if (holdMs === 0) await write();
  else {
    const placement = await placeRequest(database, placing);
    adopt(placement);
    open.hold(row.id, {
      holdMs: open.begun.size < crowd ? holdMs : crowdHolds * holdMs,
      keys: keysOf(placement),
      statements: (outcome, { whole } = { whole: false }) => [
        ...(whole ? insertMessages(database, messages) : storeChain(database, messages, open)),
        ...rowsOf(placement, outcome),
      ],
      written: () => open.remember(messages.map(({ id }) => id)),
      write,
      lost,
    });
  }
  return begun;
}

interface Prepared {
  messages: IdentifiedMessage[];
  placing: Placing;
  row: Omit<BegunRow, 'conversation_id' | 'node'>;
}

function prepare({ key, processId }: ChatContext, request: NewCompletion): Prepared {
  const { owner, conversationId: named } = request;
  const messages = identifyAll(key, request.messages);
  const history = hashHistory(key, request);
  const firstUser = messages[request.messages.findIndex(({ role }) => role === 'user')]?.id ?? null;
  const id = uuidv7();
  return {
    messages,
    placing: { owner, history, firstUser, ...(named !== undefined && { conversationId: named }) },
    row: {
      id,
      owner,
      provider: request.provider,
      model: request.model,
      stream: request.stream ? 1 : 0,
      envelope_json: encodeJson(request.envelope),
      messages_json: encodeJson(messages.map(toRef)),
      tip: messages.at(-1)?.id ?? null,
      thread: encodeThread(history.thread),
      process_id: processId,
      kind: request.kind ?? 'chat',
      key_id: request.keyId ?? null,
      team: request.team ?? null,
      record: request.record ?? 'all',
      // The id's, since chats of one time are told apart by their ids' counters.
      created_at: timeOf(id),
    },
  };
}

/** Writes messages and what belongs to them, not synced: the outcome's sync covers it. */
async function writeBegun(
  database: Database,
  open: OpenChats,
  messages: readonly IdentifiedMessage[],
  statements: readonly Statement[],
): Promise<void> {
  const write = () => database.write([...storeChain(database, messages, open), ...statements], { sync: false });
  try {
    await write();
  } catch (error) {
    if (!isForgotten(error)) throw error;
    open.forget();
    await write();
  }
  open.remember(messages.map(({ id }) => id));
}
