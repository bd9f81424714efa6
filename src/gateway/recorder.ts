import type { JsonObject } from '../core/canonical.ts';
import { RatchetError, asRatchetError } from '../core/errors.ts';
import type { ChatStore, ChoiceRecord, Outcome } from '../store/types.ts';
import { usageCount } from './collect.ts';

/** Where the gateway tells what it could not tell the client. Never gets a key or what was said. */
export interface GatewayLog {
  warn(facts: Record<string, unknown>, message: string): void;
}

/** What is known of an answer. */
export interface Answer {
  choices: ChoiceRecord[];
  response: JsonObject | null;
}

/** Writes one completion's record from its first piece to its outcome. */
export interface Recorder {
  readonly id: string;
  /** Says that there is something new; it is written within a second, and not more often than that. */
  touch(): void;
  /** Notes when the first piece of the answer came. */
  first(): void;
  /** Writes the outcome durably. Only the first call counts: later ones wait for it. */
  finish(state: Outcome['state'], error?: unknown): Promise<void>;
  /** Resolves when the outcome is written or could not be; never rejects. */
  readonly settled: Promise<void>;
}

export interface RecorderOptions {
  chats: ChatStore;
  id: string;
  /** `meta` leaves out what was said. */
  keep: 'all' | 'meta';
  answer: () => Answer;
  log: GatewayLog;
  flushMs: number;
}

/** Creates the recorder of a completion that has begun. */
export function createRecorder(options: RecorderOptions): Recorder {
  const { chats, id, answer, log } = options;
  const done = Promise.withResolvers<void>();
  let firstTokenAt: number | null = null;
  let timer: NodeJS.Timeout | null = null;
  let flushing: Promise<void> = Promise.resolve();
  let finishing: Promise<void> | null = null;

  async function flush(): Promise<void> {
    timer = null;
    try {
      await chats.progress(id, answer().choices, firstTokenAt);
    } catch (error) {
      log.warn({ completion: id, code: asRatchetError(error).code }, 'progress of a completion could not be written');
    }
  }

  async function write(state: Outcome['state'], error: unknown): Promise<void> {
    if (timer) clearTimeout(timer);
    timer = null;
    await flushing;
    const { choices, response } = answer();
    const all = options.keep === 'all';
    await chats.finish(id, {
      state,
      choices: all ? choices : [],
      response: all ? response : metaOf(response),
      promptTokens: usageCount(response, 'prompt_tokens'),
      completionTokens: usageCount(response, 'completion_tokens'),
      firstTokenAt,
      error: error === undefined ? null : outcomeError(error),
    });
  }

  return {
    id,
    settled: done.promise,
    first() {
      firstTokenAt ??= Date.now();
    },
    touch() {
      if (timer || finishing || options.keep === 'meta') return;
      timer = setTimeout(() => {
        flushing = flushing.then(flush);
      }, options.flushMs);
    },
    finish(state, error) {
      finishing ??= write(state, error).finally(() => done.resolve());
      return finishing;
    },
  };
}

/** An error of the store as a client should see it: what could not be written was not acknowledged. */
export function storeError(error: unknown): RatchetError {
  const known = asRatchetError(error);
  if (known.code !== 'Bug') return known;
  return new RatchetError(
    'StoreUnavailable',
    'The chat could not be recorded, so it was stopped: check the data folder.',
    {
      cause: error,
    },
  );
}

function outcomeError(error: unknown): Outcome['error'] {
  const { code, message, details } = asRatchetError(error);
  return { code, message, status: typeof details.providerStatus === 'number' ? details.providerStatus : null };
}

function metaOf(response: JsonObject | null): JsonObject | null {
  if (!response) return null;
  const { id, object, created, model, usage } = response;
  return Object.fromEntries(
    Object.entries({ id, object, created, model, usage }).filter(([, value]) => value !== undefined),
  ) as JsonObject;
}
