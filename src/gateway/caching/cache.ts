import { type JsonObject, canonicalJson } from '../../core/canonical.ts';
import { RatchetError } from '../../core/errors.ts';
import type { Provider } from '../../providers/types.ts';
import type { AnswerCacheStore } from '../../store/answer-cache-types.ts';
import type { ChatStore, CompletionRecord } from '../../store/types.ts';
import type { WholeAnswer } from '../answer.ts';
import type { Call } from '../ports.ts';
import type { Route } from '../resolve.ts';

/** Who asks whom for what. */
export interface CacheQuestion {
  owner: string;
  target: Route;
  call: Call;
}

/** Answers that were given before to the very same request. Only of calls that ask for it. */
export interface AnswerCache {
  /** An answer that is not older than so many seconds; null when there is none. Never rejects. */
  find(question: CacheQuestion, maxAgeSeconds: number): Promise<WholeAnswer | null>;
  /** Lets an answer that is on record be given again. Never rejects. */
  keep(question: CacheQuestion, completionId: string): Promise<void>;
}

export interface AnswerCacheDeps {
  cache: Pick<AnswerCacheStore, 'find' | 'keep'>;
  chats: Pick<ChatStore, 'get'>;
  log: { warn(facts: object, message: string): void };
  /** Milliseconds since 1970. */
  now?: () => number;
}

/** The name under which a cached answer is recorded in place of its provider: it costs nothing, and no recipe learns from it. */
export const cacheProviderName = 'cache';

/** Fields that do not change what a model answers. */
const immaterial: ReadonlySet<string> = new Set([
  'model',
  'stream',
  'stream_options',
  'cache',
  // What they come to stands in the messages.
  'prompt',
  'conversation',
  'user',
  'metadata',
  'store',
  'safety_identifier',
  'prompt_cache_key',
  'service_tier',
]);

/** Creates the cache over the record: what it gives is read back from there, so that what was erased is not given again. */
export function createAnswerCache({ cache, chats, log, now = Date.now }: AnswerCacheDeps): AnswerCache {
  const warn = (error: unknown): null => {
    log.warn({ reason: error instanceof Error ? error.message : String(error) }, 'the cache of answers');
    return null;
  };
  return {
    find: async (question, maxAgeSeconds) => {
      try {
        const id = await cache.find(requestText(question), now() - maxAgeSeconds * 1_000);
        const record = id === null ? null : await chats.get(id);
        return record && isUsable(record, question.owner) ? answerOf(record) : null;
      } catch (error) {
        return warn(error);
      }
    },
    keep: (question, completionId) => cache.keep(requestText(question), completionId).catch(warn) as Promise<void>,
  };
}

/** The provider that stands in the record of a cached answer. It is asked nothing. */
export const cacheProvider: Provider = {
  name: cacheProviderName,
  kind: cacheProviderName,
  locality: 'local',
  reportsUsage: true,
  setUp: () => ({ state: 'given' }),
  call: () => Promise.reject(new RatchetError('Bug', 'The cache of answers is no provider to ask.')),
  listModels: () => Promise.resolve([]),
  health: () => Promise.resolve({ state: 'green', reason: 'Answers that were given before.' }),
};

/** Two requests with the same text are the same to a model. The order of keys does not count. */
function requestText({ owner, target, call }: CacheQuestion): string {
  const fields = Object.entries(call.envelope).filter(([name]) => !immaterial.has(name));
  const { provider, model } = target;
  return canonicalJson({
    owner,
    user: call.user,
    provider: provider.name,
    model,
    fields: Object.fromEntries(fields),
    messages: call.messages,
  });
}

function isUsable({ owner, state, record, erasedAt, choices, response }: CompletionRecord, asker: string): boolean {
  return (
    owner === asker &&
    state === 'complete' &&
    record === 'all' &&
    erasedAt === null &&
    response !== null &&
    choices.length > 0
  );
}

function answerOf({ choices, response }: CompletionRecord): WholeAnswer {
  const given = choices.map(({ index, message, finishReason, extra }) => ({ index, message, finishReason, extra }));
  const answer: JsonObject = {
    ...response,
    object: 'chat.completion',
    choices: given.map(({ index, message, finishReason, extra }) => ({
      ...extra,
      index,
      message,
      finish_reason: finishReason,
    })),
  };
  return { text: JSON.stringify(answer), answer, choices: given, response: response ?? {} };
}
