import type { Principal, RecordMode } from '../core/access.ts';
import type { JsonObject } from '../core/canonical.ts';
import type { ErrorCode, RatchetError } from '../core/errors.ts';
import type { WireMessage } from '../core/message.ts';
import type { Endpoint, Provider } from '../providers/types.ts';
import type { Attempt, CompletionKind, CompletionRecord } from '../store/types.ts';

/** One kind of call that clients make: how its body is read, and what the provider is asked for it. */
export interface Operation {
  readonly kind: CompletionKind;
  /** Where clients send it, `/v1/…`. */
  readonly path: string;
  /** Which of the provider's routes answers it. */
  readonly endpoint: Endpoint;
  /** Checks a body; InvalidInput names the field. `text` is the very text that `body` was parsed from. */
  read(body: unknown, text: string): Call;
  /** Reads a body that may refer to what is on record; absent where bodies refer to nothing. */
  recall?(body: unknown, text: string, recall: () => Recall): Call | Promise<Call>;
}

/** What a request may refer to, as far as its caller may see it. */
export interface Recall {
  /** The record of a completion; null when there is none. */
  find(completionId: string): Promise<CompletionRecord | null>;
  /** The newest complete answer of a conversation; null when there is none. */
  latest(conversationId: string): Promise<CompletionRecord | null>;
  /** Asks a model something about what is on record, by the rules of every call; figures of it are kept, no text. */
  ask(model: string, messages: WireMessage[]): Promise<string>;
}

/** Finds the record of a completion that the caller may see; null when there is none. */
export type FindRecord = Recall['find'];

/** A request of which only what we rely on has been checked. */
export interface Call {
  /** The model as asked for. */
  model: string;
  stream: boolean;
  /** How many choices are asked for. */
  choices: number;
  /** What is threaded and stored once; empty where there is no conversation. */
  messages: WireMessage[];
  /** Every field but those in `messages`, as sent. */
  envelope: JsonObject;
  /** `store: false` was sent. */
  unrecorded: boolean;
  /** How old an answer to the same request may be that is given again, in seconds; absent where none is wanted. */
  cacheSeconds?: number;
  /** The conversation that it goes on with, where the body names one. */
  conversationId?: string;
  /** Who is behind the key, as the client says: threads of two users never meet. */
  user: string | null;
  /** The client asked for the usage at the end of the stream itself. */
  asksUsage: boolean;
  /** The body that the provider gets, its own name for the model put in. May be called once for each model that is tried. */
  upstream(model: string, options: { addUsage: boolean; limitField?: Provider['limitField'] }): string;
  /** A provider's chunk in the shape of a chat completion's chunk, for the recorder. */
  collectable(chunk: JsonObject): JsonObject;
  /** A whole answer as the client gets it. `text` is the very text that `answer` was parsed from. */
  reply(answer: JsonObject, text: string, id: string): string;
  /** What is recorded of a whole answer beside its choices, and the choices in the shape of a chat completion's. */
  recordable(answer: JsonObject): JsonObject;
  /** Writes the stream that the client gets. `hideUsage`: the usage was asked for by us, and the client must not see it. */
  frames(id: string, options: { hideUsage: boolean }): FrameWriter;
}

/** Turns a provider's events into the client's, one for one where the wire format is the same. */
export interface FrameWriter {
  /** The text of one chunk; empty when nothing is to be sent. `data` is the very text that `chunk` was parsed from. */
  chunk(chunk: JsonObject, data: string, event: string | null): string;
  /** What comes last, when the record is durable. */
  end(): string;
  /** What comes in place of the end. */
  error(error: RatchetError): string;
}

/** Counts calls against rates and budgets. Synchronous: it works from memory. */
export interface Limits {
  /** Throws RateLimited with `retryAfter`, or BudgetSpent; else gives what has to be settled when the call is over. */
  admit(principal: Principal): Admission;
}

export interface Admission {
  /** The model ref to ask in place of what was asked for, because a budget is spent. */
  instead: string | null;
  /** `x-ratelimit-…` headers as OpenAI sends them. */
  headers: Readonly<Record<string, string>>;
  settle(used: { tokens: number; costNanos: number }): void;
}

/** A model that failed, and how long it took to, in ms. */
export interface AttemptFacts extends Attempt {
  durationMs?: number;
  /** The same model was asked again. */
  retried?: true;
  /** It was not asked: it is over its limit, left alone by its breaker, or its budget is spent. */
  unasked?: true;
}

/** What is known of a call when it is over; never a text or a key. */
export interface CallFacts {
  requestId: string;
  completionId: string | null;
  kind: CompletionKind;
  principal: Principal;
  /** The model as asked for. */
  asked: string;
  /** Who answered, or was asked last; null when nobody was asked. */
  provider: string | null;
  model: string | null;
  stream: boolean;
  record: RecordMode;
  /** `refused`: it was turned away before anything was recorded. */
  state: 'complete' | 'interrupted' | 'failed' | 'refused';
  code: ErrorCode | null;
  status: number;
  /** Models that failed before the one that answered. */
  attempts: readonly AttemptFacts[];
  promptTokens: number | null;
  completionTokens: number | null;
  costNanos: number | null;
  /** Milliseconds since 1970. */
  startedAt: number;
  /** From the start to the first piece of the answer, in ms. */
  firstTokenMs: number | null;
  durationMs: number;
  /** How long the end waited for the commit of the record, in ms. */
  commitMs: number | null;
}

/** Sees every call: metrics, logs and traces. */
export interface Observer {
  /** A model is left alone because it failed too often in a row, or is asked again. */
  broken?(provider: string, model: string, open: boolean): void;
  start(call: { requestId: string; traceparent: string | undefined }): Observation;
}

export interface Observation {
  /** Headers that the provider gets, such as `traceparent`. */
  readonly upstreamHeaders: Readonly<Record<string, string>>;
  end(facts: CallFacts): void;
}
