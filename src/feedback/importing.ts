import { createHash } from 'node:crypto';
import { canonicalJson } from '../core/canonical.ts';
import { asRatchetError } from '../core/errors.ts';
import type { AnswerRef, ChatStore, FeedbackStore, ImportedChat, NewFeedback } from '../store/types.ts';
import type { ImportItem, ImportedExchange, ImportedFeedback } from './importers/types.ts';

export interface ImportingDeps {
  chats: Pick<ChatStore, 'import'>;
  feedback: Pick<FeedbackStore, 'add'>;
}

export interface ImportOptions {
  /** Whose chats they become. */
  owner: string;
  /** The provider that chats are kept under which name none. */
  provider: string;
  /** Who gave feedback that names nobody. */
  rater: string;
  /** Where the feedback came from: the format's name. */
  source: string;
}

/** What an import did. */
export interface ImportSum {
  chats: { written: number; known: number };
  feedback: { written: number; known: number };
  /** How many items were not taken, by reason. */
  leftOut: Record<string, number>;
  /** The first of them, with their places. */
  examples: { at: string; reason: string; detail: string | null }[];
}

/** How many examples a report has of each reason. */
const examplesOfEach = 5;

/** A sum of nothing. */
export function emptySum(): ImportSum {
  return { chats: { written: 0, known: 0 }, feedback: { written: 0, known: 0 }, leftOut: {}, examples: [] };
}

/**
 * Writes a batch of items: the chats in one go, then what was said of them. What is there already is known by its content, so that an
 * import can be cut off anywhere and repeated.
 */
export async function importItems(
  deps: ImportingDeps,
  items: readonly ImportItem[],
  options: ImportOptions,
): Promise<ImportSum> {
  const sum = emptySum();
  const exchanges: ImportedExchange[] = [];
  for (const item of items) {
    if (item.kind === 'exchange') exchanges.push(item);
    else leaveOut(sum, item.at, item.reason, item.detail);
  }
  const { written, known, ids } = await deps.chats.import(exchanges.map(({ chat }) => chatOf(chat, options)));
  sum.chats = { written, known };
  const events = exchanges.flatMap(({ at, feedback }, index) =>
    feedback.map((event): PlacedEvent => ({ at, feedback: eventOf(ids[index] ?? '', event, options) })),
  );
  events.push(...preferencesIn(exchanges, ids, options));
  const added = await addEvents(deps, events);
  for (const [at, event] of events.entries()) count(sum, event, added[at]);
  return sum;
}

/** Counts what an import of these items would do, as far as that can be told without asking the store. */
export function countItems(items: readonly ImportItem[]): ImportSum {
  const sum = emptySum();
  for (const item of items) {
    if (item.kind === 'left-out') leaveOut(sum, item.at, item.reason, item.detail);
    else {
      sum.chats.written += 1;
      sum.feedback.written += item.feedback.length + Number(item.siblings?.best === true);
    }
  }
  return sum;
}

/** Whether two items are answers to the same, which have to be written together. */
export function ofOneSet(one: ImportItem | undefined, other: ImportItem): boolean {
  if (one?.kind !== 'exchange' || other.kind !== 'exchange') return false;
  return one.siblings !== undefined && one.siblings.set === other.siblings?.set;
}

/** Two sums as one. */
export function addSums(one: ImportSum, other: ImportSum): ImportSum {
  const sum: ImportSum = {
    chats: { written: one.chats.written + other.chats.written, known: one.chats.known + other.chats.known },
    feedback: {
      written: one.feedback.written + other.feedback.written,
      known: one.feedback.known + other.feedback.known,
    },
    leftOut: { ...one.leftOut },
    examples: [...one.examples],
  };
  for (const [reason, count] of Object.entries(other.leftOut)) sum.leftOut[reason] = (sum.leftOut[reason] ?? 0) + count;
  for (const example of other.examples) keepExample(sum, example);
  return sum;
}

function leaveOut(sum: ImportSum, at: string, reason: string, detail?: string): void {
  sum.leftOut[reason] = (sum.leftOut[reason] ?? 0) + 1;
  keepExample(sum, { at, reason, detail: detail ?? null });
}

function keepExample(sum: ImportSum, example: ImportSum['examples'][number]): void {
  if (sum.examples.filter(({ reason }) => reason === example.reason).length < examplesOfEach)
    sum.examples.push(example);
}

function chatOf(chat: ImportedExchange['chat'], { owner, provider }: ImportOptions): ImportedChat {
  return { provider, ...chat, owner };
}

function eventOf(
  completionId: string,
  { choice = 0, rater, id, ...event }: ImportedFeedback,
  options: ImportOptions,
): NewFeedback {
  const said = { completionId, choice, rater: rater ?? options.rater, source: options.source, ...event };
  return { ...said, key: keyOf(options.source, id ?? canonicalJson({ completionId, choice, ...event })) };
}

/** The same event of the same product is the same event here. */
function keyOf(source: string, id: string): string {
  return `${source} ${createHash('sha256').update(id).digest('hex').slice(0, 40)}`;
}

interface PlacedEvent {
  at: string;
  feedback: NewFeedback;
}

/** Of each set of answers to the same: the best is over the others. */
function preferencesIn(
  exchanges: readonly ImportedExchange[],
  ids: readonly string[],
  options: ImportOptions,
): PlacedEvent[] {
  const sets = Map.groupBy(
    exchanges.flatMap((exchange, index) => {
      const { siblings, at } = exchange;
      return siblings ? [{ ...siblings, at, answer: { completionId: ids[index] ?? '', choice: 0 } }] : [];
    }),
    ({ set }) => set,
  );
  return [...sets].flatMap(([set, members]) => {
    const best = members.find((member) => member.best);
    // The same answer may stand in a file several times.
    const others = new Map(members.filter((member) => !member.best).map(({ answer }) => [answer.completionId, answer]));
    if (best) others.delete(best.answer.completionId);
    const over: AnswerRef[] = [...others.values()];
    if (!best || over.length === 0) return [];
    const { rater, source } = options;
    const key = keyOf(source, `preference ${set} ${canonicalJson(over)}`);
    return [{ at: best.at, feedback: { ...best.answer, rater, source, over, key } }];
  });
}

/**
 * Adds events at once, so that one sync serves all of them; what became of each, in their order. A file may hold an event
 * twice: the second waits for the first, and is known.
 */
async function addEvents(deps: ImportingDeps, events: readonly PlacedEvent[]): Promise<Added[]> {
  const last = new Map<string, Promise<Added>>();
  return Promise.all(
    events.map(async (event) => {
      const name = `${event.feedback.rater} ${event.feedback.key}`;
      const before = last.get(name);
      const adding = before ? addAgain(deps, event, before) : addEvent(deps, event);
      last.set(name, adding);
      return adding;
    }),
  );
}

async function addAgain(deps: ImportingDeps, event: PlacedEvent, before: Promise<Added>): Promise<Added> {
  const [first, added] = [await before, await addEvent(deps, event)];
  return 'as' in first && 'as' in added ? { as: 'known' } : added;
}

/** Whether an event was written or known already; or why it does not fit. */
type Added = { as: 'written' | 'known' } | { fault: string };

async function addEvent({ feedback }: ImportingDeps, { feedback: event }: PlacedEvent): Promise<Added> {
  const before = Date.now();
  try {
    const { createdAt } = await feedback.add(event);
    return { as: createdAt < before ? 'known' : 'written' };
  } catch (error) {
    const { code, message } = asRatchetError(error);
    if (code !== 'Conflict' && code !== 'NotFound' && code !== 'InvalidInput') throw error;
    return { fault: message };
  }
}

function count(sum: ImportSum, { at }: PlacedEvent, added: Added | undefined): void {
  if (!added) return;
  if ('as' in added) sum.feedback[added.as] += 1;
  else leaveOut(sum, at, 'feedback that does not fit', added.fault);
}
