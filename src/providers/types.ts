import type { JsonObject } from '../core/canonical.ts';

/** A provider's answer as it comes off the wire. `status` is always 2xx: everything else is thrown as a RatchetError. */
export interface ProviderAnswer {
  status: number;
  /** Header names in lower case. */
  headers: Readonly<Record<string, string>>;
  /** Ends early by throwing a RatchetError when the connection is cut or the call is aborted. */
  body: AsyncIterable<Uint8Array>;
}

export type HealthState = 'green' | 'yellow' | 'red';

export interface ProviderHealth {
  state: HealthState;
  /** One sentence; for yellow and red it says what to do. */
  reason: string;
  version?: string;
  models?: number;
}

export interface ChatOptions {
  signal: AbortSignal;
  /** Used in place of the provider's own key. */
  apiKey?: string;
}

/** Where completions come from. All kinds have this one shape. */
export interface Provider {
  readonly name: string;
  readonly kind: 'ollama' | 'openai';
  /** `local`: what is sent to it stays on this machine. */
  readonly locality: 'local' | 'remote';
  /** Whether it is known to understand `stream_options.include_usage`. */
  readonly reportsUsage: boolean;
  /** Sends an OpenAI chat completion request as it is; `request.model` is the provider's own name for the model. */
  chat(request: JsonObject, options: ChatOptions): Promise<ProviderAnswer>;
  /** The provider's own names of its models. */
  listModels(options: { signal: AbortSignal }): Promise<string[]>;
  /** Never rejects. */
  health(options: { signal: AbortSignal }): Promise<ProviderHealth>;
}
