import { isObject } from '../../core/canonical.ts';
import { RatchetError } from '../../core/errors.ts';
import type { WireMessage } from '../../core/message.ts';
import type { ForgettingKind } from '../../store/forgotten-types.ts';
import type { CompletionRecord, FeedbackRecord, Store } from '../../store/types.ts';

/** What is to be forgotten. */
export interface Subject {
  kind: ForgettingKind;
  /** Id of the conversation, or name of the rater. */
  subject: string;
}

/** All that goes with a subject. */
export interface Doomed extends Subject {
  /** Completions whose text goes, of the conversation itself and those that go on from it elsewhere. */
  completions: string[];
  /** Of these, the ones that stand in other conversations, and in which. */
  elsewhere: { completion: string; conversation: string }[];
  /** Events of feedback that go. */
  feedback: string[];
  /** Nodes of the completions. */
  nodes: string[];
  /** What was said, to know it again where it is quoted. */
  texts: string[];
}

type Stores = Pick<Store, 'chats' | 'feedback' | 'forgotten'>;

/** Gathers what goes with a subject. NotFound when there is no such conversation, or nothing that the rater said. */
export function gather(stores: Stores, { kind, subject }: Subject): Promise<Doomed> {
  return kind === 'conversation' ? ofConversation(stores, subject) : ofRater(stores, subject);
}

async function ofConversation({ chats, feedback, forgotten }: Stores, conversationId: string): Promise<Doomed> {
  const records: CompletionRecord[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof chats.list>> = await chats.list(
      { conversationId },
      { limit: 100, order: 'asc', ...(cursor !== null && { cursor }) },
    );
    records.push(...page.items);
    cursor = page.next;
  } while (cursor !== null);
  if (records.length === 0) throw unknown('conversation', conversationId, 'GET /api/conversations lists them');
  const continued = await forgotten.continuationsOf(conversationId);
  for (const { completionId } of continued) {
    const record = await chats.get(completionId);
    if (record) records.push(record);
  }
  const ids = records.map(({ id }) => id);
  const events = await feedback.ofCompletions(ids);
  return {
    kind: 'conversation',
    subject: conversationId,
    completions: ids,
    elsewhere: continued.map(({ completionId, conversationId: conversation }) => {
      return { completion: completionId, conversation };
    }),
    feedback: [],
    nodes: [...new Set(records.flatMap(({ node }) => node ?? []))].sort(),
    texts: [...new Set([...records.flatMap(saidIn), ...events.flatMap(saidOf)])],
  };
}

async function ofRater({ forgotten }: Stores, rater: string): Promise<Doomed> {
  const events = await forgotten.saidBy(rater);
  if (events.length === 0) throw unknown('feedback by', rater, 'GET /api/feedback tells who gave some');
  const feedback = events.map(({ id }) => id);
  const texts = [...new Set(events.flatMap(saidOf))];
  return { kind: 'rater', subject: rater, completions: [], elsewhere: [], feedback, nodes: [], texts };
}

/** Instructions are not what was said in one conversation: others have the same. */
function saidIn({ messages, choices }: CompletionRecord): string[] {
  const asked = messages.filter(({ role }) => role !== 'system' && role !== 'developer');
  return [...asked, ...choices.map(({ message }) => message)].flatMap(textsOf);
}

function saidOf({ comment, correction }: FeedbackRecord): string[] {
  return [...(comment === undefined ? [] : [comment]), ...(correction ? textsOf(correction) : [])];
}

function textsOf(message: WireMessage): string[] {
  return Object.entries(message).flatMap(([field, value]) => (field === 'role' ? [] : stringsIn(value)));
}

function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(stringsIn);
  return isObject(value) ? Object.values(value).flatMap(stringsIn) : [];
}

function unknown(what: string, name: string, advice: string): RatchetError {
  return new RatchetError('NotFound', `There is no ${what} "${name.slice(0, 200)}": ${advice}.`);
}
