import type { JsonObject } from '../core/canonical.ts';
import type { ModelFacts } from '../core/capabilities.ts';
import type { Body } from './body.ts';

/** A provider's answer as it comes off the wire. `status` is always 2xx: everything else is thrown as a RatchetError. */
export interface ProviderAnswer {
  status: number;
  /** Header names in lower case. */
  headers: Readonly<Record<string, string>>;
  /** Fails with a RatchetError when the connection is cut or the call is aborted. */
  body: Body;
  /** Takes the key in use, and all that looks like a key, out of a text that the provider wrote. */
  redact(text: string): string;
}

export type HealthState = 'green' | 'yellow' | 'red';

export interface ProviderHealth {
  state: HealthState;
  /** One sentence; for yellow and red it says what to do. */
  reason: string;
  version?: string;
  models?: number;
  /** Its own names of its models, where it was asked for them. */
  names?: readonly string[];
  /** Those of them that are in memory, where it tells. */
  loaded?: readonly string[];
}

/** Routes of the OpenAI wire format under `/v1` that a provider may answer. */
export type Endpoint = 'chat/completions' | 'completions' | 'embeddings';

export interface CallOptions {
  signal: AbortSignal;
  /** The provider's own name for the model, for messages. */
  model?: string;
  /** Used in place of the provider's own key. */
  apiKey?: string;
  /** Further headers, such as `traceparent`. */
  headers?: Readonly<Record<string, string>>;
  /** Goes before what body and settings say, where the kind has such options: Ollama's `num_gpu`. */
  override?: JsonObject;
  /** Told which options are sent in place of what was asked for, before they are. */
  changed?: (options: JsonObject) => void;
}

/**
 * Whether anybody set a provider up. `given`: by a key, a URL or the settings. `usual`: nobody did, and it is looked for at its
 * usual address on this machine, where it is not missed. `missing`: it cannot be asked yet, and `hint` says what to do.
 */
export type SetUp = { state: 'given' | 'usual' } | { state: 'missing'; hint: string };

/** A proxy that may be there or not. */
export interface ProxyState {
  /** Whether it is there, as far as is known without waiting. */
  stands(): boolean;
  /** Finds out now. Never rejects. */
  look(): Promise<void>;
  /** The key that goes along when another provider is asked in its place and has none. */
  apiKey(): string | null;
}

/** Where completions come from. All kinds have this one shape. */
export interface Provider {
  readonly name: string;
  readonly kind: string;
  /** `local`: what is sent to it stays on this machine. */
  readonly locality: 'local' | 'remote';
  /** Whether it is known to understand `stream_options.include_usage`. */
  readonly reportsUsage: boolean;
  /** What it calls the limit of a chat's answer in tokens; `max_tokens` unless given. */
  readonly limitField?: 'max_completion_tokens';
  /**
   * Sends a body of the OpenAI wire format as it is. The request is on its way when this returns; the promise is kept when
   * the head of the answer is there.
   */
  call(endpoint: Endpoint, body: string, options: CallOptions): Promise<ProviderAnswer>;
  /** The provider's own names of its models. */
  listModels(options: { signal: AbortSignal }): Promise<string[]>;
  setUp(): SetUp;
  /** What all its models can and cannot do, as far as its kind says. */
  readonly facts?: ModelFacts;
  /** What it tells of one model; null when it tells nothing. Absent where it never does. */
  describe?(model: string, options: { signal: AbortSignal }): Promise<ModelFacts | null>;
  /** Only where a model's name means another provider's while this one is not there, as LiteLLM's library does. */
  readonly proxy?: ProxyState;
  /** How often a model was dropped from memory so far, since a stream that was cut held its place. Absent where none can. */
  freed?(): number;
  /** Ends what was started for it. Absent where nothing is. */
  close?(): Promise<void>;
  /** Never rejects. */
  health(options: { signal: AbortSignal }): Promise<ProviderHealth>;
}
