import type { Config } from '../config.ts';
import type { ModelFacts } from '../core/capabilities.ts';
import type { JsonObject } from '../core/canonical.ts';
import type { Provider, SetUp } from './types.ts';

/**
 * A kind of provider: what has to be known of it before there is one. A kind that speaks the OpenAI wire format is nothing
 * but these facts; another one brings `create`.
 */
export interface ProviderDefinition {
  /** As it stands before the slash of a model ref: `groq`. Lower-case letters, digits, "_", "-". */
  readonly kind: string;
  /** As its maker writes it: `Groq`. */
  readonly title: string;
  /** Other prefixes that mean it, such as LiteLLM's: `together_ai`. */
  readonly aliases?: readonly string[];
  /** Where it is reached unless somebody says otherwise, up to and with `/v1` where it has one; null when it has to be said. */
  readonly baseUrl: string | null;
  /** Variables that say where it is; the first that is set counts. */
  readonly baseUrlVariables?: readonly string[];
  /** Variables that hold its key; the first that is set counts. */
  readonly apiKeyVariables?: readonly string[];
  /** Whether it answers nobody without a key. */
  readonly needsKey?: boolean;
  /** Whether it is known to understand `stream_options.include_usage`. */
  readonly reportsUsage?: boolean;
  /** What it calls the limit of a chat's answer in tokens; `max_tokens` unless given. */
  readonly limitField?: 'max_completion_tokens';
  /** What all its models can and cannot do. */
  readonly facts?: ModelFacts;
  /** What its list writes before the name of each model, and calls go without: `models/`. */
  readonly listPrefix?: string;
  /** `remote`: it passes on to others what it gets, so that an address on this machine does not make it local. */
  readonly locality?: 'remote';
  /** What is wrong with `options` of one or of its models, each as a clause: `num_ctx: write a whole number`. */
  readonly checkOptions?: (options: JsonObject) => readonly string[];
  /** Makes one; without it, it speaks the OpenAI wire format at its base URL. */
  readonly create?: (instance: ProviderInstance) => Provider;
}

/** What of this installation a kind needs that starts something of its own. */
export type LocalParts = Pick<Config, 'python' | 'home' | 'dataDir' | 'basesDir'>;

/** One provider that is to be made, from all that was said about it. */
export interface ProviderInstance {
  /** Its own name; that of the kind unless the settings give another. */
  readonly name: string;
  readonly definition: ProviderDefinition;
  /** Without a slash at its end. */
  readonly baseUrl: string;
  /** Whether somebody said where it is. */
  readonly isPlaced: boolean;
  /** The key in force now; null when there is none. */
  readonly apiKey: () => string | null;
  /** "set GROQ_API_KEY, or run …", for messages. */
  readonly keyHint: string;
  readonly setUp: () => SetUp;
  /** How long it may send nothing before it is cut off, in ms; 0 is for ever. */
  readonly idleMs: number;
  /** What `providers.<name>.options` says, and what `models.<ref>.options` adds for one model. */
  readonly options: (model?: string) => JsonObject;
  /** Its models that `models` in the settings names, for those who cannot list theirs. */
  readonly named: () => readonly string[];
  /** A variable of the environment or of `.env`, for what only this kind has. */
  readonly variable: (name: string) => string | undefined;
  /** Absent where there is no installation, as in a test of one provider. */
  readonly local?: LocalParts;
}
