import { hash } from 'node:crypto';
import { canonicalJson } from '../../core/canonical.ts';
import type { WireMessage } from '../../core/message.ts';
import type { Recipe, Replay } from '../../core/recipe.ts';
import type { CompletionFilter, CompletionRecord, Store } from '../../store/types.ts';
import type { Collection } from '../collect.ts';
import { toolsOf, trainable } from '../rows/trainable.ts';
import { generalPrompts } from './general-prompts.ts';

/** A prompt that the base is asked. */
export interface Anchor {
  messages: WireMessage[];
  /** The completion whose prompt it is, and its node; null for a prompt of nobody. */
  completion: string | null;
  node: string | null;
}

/** How many unrated chats are looked at, the newest first. */
const lookedAt = 2000;
const pageSize = 200;

/**
 * How many answers of the base a version with so many taught rows may hold: `rows`, and no more than make `share` of all. With r
 * of them beside t, r ≤ share · (r + t).
 */
export function mostReplayed({ rows, share }: Pick<Replay, 'rows' | 'share'>, taught: number): number {
  return Math.min(rows, Math.floor((taught * share) / (1 - share) + 1e-9));
}

/**
 * The prompts to replay, of a list or of the collection's chats: always the same first ones, in an order that depends on the
 * seed and each prompt alone, so that one more prompt changes little.
 */
export async function anchorsOf(
  store: Pick<Store, 'chats'>,
  collection: Collection,
  replay: Replay,
): Promise<Anchor[]> {
  const most = mostReplayed(replay, collection.examples.length);
  if (replay.prompts === 'conversations') {
    const found = await Promise.all((collection.prompts ?? []).slice(0, most).map((id) => store.chats.get(id)));
    return found.flatMap((completion) => (completion === null ? [] : (openingOf(completion) ?? [])));
  }
  const listed = replay.prompts === 'general' ? generalPrompts : [...new Set(replay.prompts)];
  return ranked(listed, replay.seed, (text) => text)
    .slice(0, most)
    .map((content) => ({ messages: [{ role: 'user', content }], completion: null, node: null }));
}

/** Names what an answer depends on: base, prompt, and how it is drawn. */
export function requestOf(base: string, { messages }: Pick<Anchor, 'messages'>, options: object): string {
  return canonicalJson({ base, messages, options });
}

export interface ListPrompts {
  store: Pick<Store, 'chats'>;
  /** Whether a completion may be learned from. */
  mayLearn: (completion: CompletionRecord) => boolean;
  collect: Recipe['collect'];
}

/** Completions that begin a conversation in which nothing is rated, one of each; ids only, so that a collection holds no text. */
export async function listPrompts({ store, mayLearn, collect }: ListPrompts, replay: Replay): Promise<string[]> {
  const byNode = new Map<string, string>();
  let looked = 0;
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<Store['chats']['list']>> = await store.chats.list(filterOf(collect), {
      limit: pageSize,
      ...(cursor !== null && { cursor }),
    });
    for (const completion of page.items) {
      const opening = mayLearn(completion) ? openingOf(completion) : null;
      const node = opening?.node ?? null;
      if (node !== null && !byNode.has(node)) byNode.set(node, completion.id);
    }
    looked += page.items.length;
    cursor = page.next;
  } while (cursor !== null && looked < lookedAt);
  return ranked([...byNode.values()], replay.seed, (id) => id).slice(0, replay.rows);
}

function filterOf({ providers, since, until }: Recipe['collect']): CompletionFilter {
  return {
    newTopic: true,
    states: ['complete'],
    kinds: ['chat', 'responses'],
    erased: false,
    ...(providers && { providers }),
    ...(since && { since: Date.parse(since) }),
    ...(until && { until: Date.parse(until) }),
  };
}

/** The prompt of a completion that begins a conversation with texts alone; null of any other. */
function openingOf(completion: CompletionRecord): Anchor | null {
  const messages = completion.messages.map(trainable);
  const asked = messages.filter((message) => message?.role === 'user').length;
  const others = messages.some((message) => message === null || !['system', 'user'].includes(message.role));
  if (asked !== 1 || others || messages.at(-1)?.role !== 'user' || toolsOf(completion).length > 0) return null;
  return { messages: messages as WireMessage[], completion: completion.id, node: completion.node };
}

function ranked<T>(items: readonly T[], seed: number, nameOf: (item: T) => string): T[] {
  const placed = items.map((item) => ({ item, place: hash('sha256', `${seed}\0${nameOf(item)}`) }));
  return placed.sort((a, b) => (a.place < b.place ? -1 : 1)).map(({ item }) => item);
}
