import { isObject } from '../core/canonical.ts';
import type { LearnedSignal } from '../core/dataset.ts';
import type { WireMessage } from '../core/message.ts';
import type { CompletionRecord, FeedbackRecord, Store } from '../store/types.ts';
import type { CollectedExample, Collection, PreferredExample, RejectedExample } from './collect.ts';
import type { Entry, Kind } from './entry.ts';
import { promptKey } from './normalise.ts';
import { toolsOf } from './rows/trainable.ts';

export type AssemblingStore = Pick<Store, 'chats' | 'feedback'>;

/** An entry, or why there is none. */
export type Assembled = Entry | { id: string; kind: Kind; fault: string };

/** How many are looked up together. */
const atOnce = 64;

/**
 * What a collection lists, with its texts, in the order of the list: learned answers, then bad ones, then preferences. What
 * was erased since it was collected comes as a fault.
 */
export async function* assemble(store: AssemblingStore, collection: Collection): AsyncGenerator<Assembled[]> {
  const { examples, rejected = [], preferred = [] } = collection;
  for (const some of inGroups(examples)) yield await together(store, some, learned);
  for (const some of inGroups(rejected)) yield await together(store, some, bad);
  for (const some of inGroups(preferred)) yield await together(store, some, better);
}

function* inGroups<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += atOnce) yield items.slice(at, at + atOnce);
}

interface Found {
  completion: CompletionRecord | null;
  /** The events that the example rests on. */
  feedback: FeedbackRecord[];
  /** The completion of the other answer. */
  other: CompletionRecord | null;
}

async function together<E extends RejectedExample>(
  { chats, feedback }: AssemblingStore,
  examples: readonly E[],
  make: (example: E, found: Found) => Assembled,
): Promise<Assembled[]> {
  const ids = [...new Set(examples.flatMap((example) => [example.completion, ...otherOf(example)]))];
  const [events, records] = await Promise.all([
    feedback.ofCompletions(ids),
    Promise.all(ids.map((id) => chats.get(id))),
  ]);
  const byId = new Map(records.map((record, index) => [ids[index], record]));
  const eventOf = new Map(events.map((event) => [event.id, event]));
  return examples.map((example) => {
    const [other = example.completion] = otherOf(example);
    return make(example, {
      completion: byId.get(example.completion) ?? null,
      feedback: example.feedback.flatMap((id) => eventOf.get(id) ?? []),
      other: byId.get(other) ?? null,
    });
  });
}

function otherOf(example: RejectedExample): string[] {
  return 'over' in example ? [(example as PreferredExample).over.completion] : [];
}

function learned(example: CollectedExample, { completion, feedback }: Found): Assembled {
  const id = nameOf(example);
  const given = completion?.choices.find(({ index }) => index === example.choice);
  const corrected = example.signal === 'corrected';
  const answer = corrected ? feedback.find(({ correction }) => correction)?.correction : given?.message;
  if (!completion || !answer || feedback.length === 0) return erased(id, 'learn');
  return {
    ...common(example, completion, feedback),
    id,
    kind: 'learn',
    signal: example.signal,
    messages: [...completion.messages, answer],
    against: corrected ? (given?.message ?? null) : null,
    author: authorOf(example.signal, completion),
    cutOff: !corrected && given?.finishReason === 'length',
  };
}

function bad(example: RejectedExample, { completion, feedback }: Found): Assembled {
  const id = nameOf(example);
  const given = completion?.choices.find(({ index }) => index === example.choice);
  if (!completion || !given || feedback.length === 0) return erased(id, 'reject');
  return {
    ...common(example, completion, feedback),
    id,
    kind: 'reject',
    signal: null,
    messages: [...completion.messages, given.message],
    against: null,
    author: authorOf(null, completion),
    cutOff: false,
  };
}

function better(example: PreferredExample, { completion, feedback, other }: Found): Assembled {
  const id = `${nameOf(example)}>${nameOf(example.over)}`;
  if (example.fault) return { id, kind: 'prefer', fault: example.fault };
  const chosen = completion?.choices.find(({ index }) => index === example.choice)?.message;
  const rejected = other?.choices.find(({ index }) => index === example.over.choice)?.message;
  if (!completion || !other || !chosen || !rejected) return erased(id, 'prefer');
  if (!samePrompt(completion, other)) return { id, kind: 'prefer', fault: 'asked_something_else' };
  return {
    ...common(example, completion, feedback),
    id,
    kind: 'prefer',
    signal: null,
    messages: [...completion.messages, chosen],
    against: rejected,
    author: authorOf(null, completion),
    cutOff: false,
  };
}

type Common = Omit<Entry, 'id' | 'kind' | 'signal' | 'messages' | 'against' | 'author' | 'cutOff'>;

function common(example: RejectedExample, completion: CompletionRecord, feedback: readonly FeedbackRecord[]): Common {
  return {
    completion: example.completion,
    choice: example.choice,
    tools: toolsOf(completion),
    node: completion.node,
    topic: topicOf(completion, feedback),
    at: Math.max(completion.createdAt, ...feedback.map(({ createdAt }) => createdAt)),
    raters: [...new Set(feedback.map(({ rater }) => rater))].sort(),
    corrections: feedback.filter(({ correction }) => correction !== undefined).map(({ id }) => id),
    ratings: feedback.flatMap(ratingOf),
  };
}

/** Where feedback comes from whose times are those of its giving. */
const here: readonly string[] = ['api', 'cli', 'web'];

function ratingOf({ rater, createdAt: at, rating, score, correction, source }: FeedbackRecord): Entry['ratings'] {
  if (correction !== undefined || !here.includes(source)) return [];
  if (rating === undefined && score === undefined) return [];
  return [{ rater, at, good: rating === undefined ? (score ?? 0) >= 0.5 : rating === 1 }];
}

/** `topic:…` among the tags of the feedback, or of the request's metadata. */
function topicOf({ envelope }: CompletionRecord, feedback: readonly FeedbackRecord[]): string | null {
  const tags = feedback.flatMap((event) => event.tags ?? []).filter((tag) => tag.startsWith('topic:'));
  if (tags.length > 0) return tags.sort()[0]?.slice('topic:'.length) ?? null;
  const { metadata } = envelope;
  return isObject(metadata) && typeof metadata.topic === 'string' ? metadata.topic : null;
}

function authorOf(signal: LearnedSignal | null, { provider, model }: CompletionRecord): string {
  return signal === 'corrected' ? 'person' : `${provider}/${model}`;
}

function samePrompt(one: CompletionRecord, other: CompletionRecord): boolean {
  const key = (messages: readonly WireMessage[]): string => promptKey(messages, undefined);
  return one.id === other.id || key(one.messages) === key(other.messages);
}

function nameOf({ completion, choice }: { completion: string; choice: number }): string {
  return `${completion}.${choice}`;
}

function erased(id: string, kind: Kind): Assembled {
  return { id, kind, fault: 'erased_since_collected' };
}
