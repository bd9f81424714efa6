import type { RecordMode } from '../core/access.ts';
import type { JsonObject } from '../core/canonical.ts';
import { RatchetError, asRatchetError } from '../core/errors.ts';
import type { ChatStore, ChoiceRecord, Outcome } from '../store/types.ts';

/** Where the gateway tells what it could not tell the client. Never gets a key or what was said. */
export interface GatewayLog {
  warn(facts: Record<string, unknown>, message: string): void;
  error(facts: Record<string, unknown>, message: string): void;
}

/** What is known of an answer. */
export interface Answer {
  choices: ChoiceRecord[];
  response: JsonObject | null;
}

/** What the outcome says beside the answer. */
export type Figures = Pick<
  Outcome,
  'promptTokens' | 'completionTokens' | 'costNanos' | 'answeredBy' | 'attempts' | 'firstTokenAt'
>;

/** Writes one completion's record from its first piece to its outcome. */
export interface Recorder {
  /** Says that there is something new; it is written within a second, and not more often than that. */
  touch(): void;
  /** Writes the outcome durably. Only the first call counts: later ones wait for it. */
  finish(state: Outcome['state'], error?: unknown): Promise<void>;
}

export interface RecorderOptions {
  chats: ChatStore;
  id: string;
  record: Exclude<RecordMode, 'none'>;
  /** Asked whenever something is written. */
  answer: () => Answer;
  figures: () => Figures;
  log: GatewayLog;
  flushMs: number;
}

/** Creates the recorder of a completion that has begun. */
export function createRecorder(options: RecorderOptions): Recorder {
  const { chats, id, answer, log, figures } = options;
  let timer: NodeJS.Timeout | null = null;
  let flushing: Promise<void> | null = null;
  let finishing: Promise<void> | null = null;

  async function flush(): Promise<void> {
    timer = null;
    try {
      // A copy: what comes while it is written must not change it.
      await chats.progress(id, structuredClone(answer().choices), figures().firstTokenAt);
    } catch (error) {
      log.warn({ completion: id, code: asRatchetError(error).code }, 'progress of a completion could not be written');
    }
  }

  async function write(state: Outcome['state'], error: unknown): Promise<void> {
    if (timer) clearTimeout(timer);
    timer = null;
    if (flushing) await flushing;
    const { choices, response } = answer();
    const all = options.record === 'all';
    await chats.finish(id, {
      state,
      choices: all ? choices : [],
      response: all ? response : metaOf(response),
      error: error === undefined ? null : outcomeError(error, all),
      ...figures(),
    });
  }

  return {
    touch() {
      if (timer || finishing || options.record === 'meta') return;
      timer = setTimeout(() => {
        flushing = (flushing ?? Promise.resolve()).then(flush);
      }, options.flushMs);
    },
    finish(state, error) {
      return (finishing ??= write(state, error));
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
    { cause: error },
  );
}

/** A vendor's message may quote what was said. */
function outcomeError(error: unknown, all: boolean): Outcome['error'] {
  const { code, message, details } = asRatchetError(error);
  return {
    code,
    message: all ? message : 'What went wrong was not kept, only its code.',
    status: typeof details.providerStatus === 'number' ? details.providerStatus : null,
  };
}

const metaFields = ['id', 'object', 'created', 'model', 'usage'];

function metaOf(response: JsonObject | null): JsonObject | null {
  return response && Object.fromEntries(Object.entries(response).filter(([field]) => metaFields.includes(field)));
}
