import { isLoopback } from '../config.ts';
import { type Json, isObject } from '../core/canonical.ts';
import type { ModelFacts } from '../core/capabilities.ts';
import { RatchetError, asRatchetError } from '../core/errors.ts';
import { type VendorContext, malformedError } from './errors.ts';
import type { ProviderInstance } from './definition.ts';
import { createTeller } from './facts/teller.ts';
import type { Provider, ProviderHealth, SetUp } from './types.ts';
import { getJson, postCall } from './wire.ts';

export interface OpenAiOptions {
  /** Name of this instance; several may exist, each with a name of its own. */
  name: string;
  /** URL up to and with `/v1`. */
  baseUrl: string;
  apiKey: string | null;
  /** A key that was put aside for it, which goes before `apiKey`. */
  keptKey?: () => string | null;
  /** What a person sets to give it a key, for messages. */
  keySetting: string;
  /** `openai` unless given. */
  kind?: string;
  /** Whether it answers nobody without a key; by its address unless given. */
  needsKey?: boolean;
  /** Whether it is known to understand `stream_options.include_usage`; by its address unless given. */
  reportsUsage?: boolean;
  /** What it calls the limit of an answer in tokens; by its address unless given. */
  limitField?: 'max_completion_tokens';
  setUp?: () => SetUp;
  /** What all its models can and cannot do. */
  facts?: ModelFacts;
  /** What its list writes before the name of each model, and calls go without. */
  listPrefix?: string;
  /** By its address unless given. */
  locality?: 'remote';
  /** How long it may send nothing before it is cut off, in ms; for ever unless given, or 0. */
  idleMs?: number;
}

const openAiHost = 'api.openai.com';

/** Makes a provider whose kind is nothing but facts. */
export function openAiCompatible(instance: ProviderInstance): Provider {
  const { name, definition, baseUrl, apiKey, keyHint, setUp, idleMs } = instance;
  const { kind, needsKey, reportsUsage, limitField, facts, listPrefix, locality } = definition;
  return createOpenAiProvider({
    name,
    kind,
    baseUrl,
    apiKey: null,
    keptKey: apiKey,
    keySetting: keyHint.replace(/^set /, ''),
    setUp,
    idleMs,
    ...(needsKey !== undefined && { needsKey }),
    ...(reportsUsage !== undefined && { reportsUsage }),
    ...(limitField && { limitField }),
    ...(facts && { facts }),
    ...(listPrefix !== undefined && { listPrefix }),
    ...(locality && { locality }),
  });
}

/** Any server that speaks the OpenAI wire format: OpenAI itself, vLLM, llama.cpp, LM Studio, a LiteLLM proxy. */
export function createOpenAiProvider(settings: OpenAiOptions): Provider {
  const { name } = settings;
  const baseUrl = settings.baseUrl.replace(/\/+$/, '');
  const { hostname } = new URL(baseUrl);
  const isOpenAi = hostname === openAiHost;
  const { needsKey = isOpenAi, reportsUsage = isOpenAi } = settings;
  // OpenAI's reasoning models refuse the old name, and others do not know the new one.
  const limitField = settings.limitField ?? (isOpenAi ? 'max_completion_tokens' : undefined);
  const context: VendorContext = {
    provider: name,
    baseUrl,
    startHint: 'check that it runs and that its base URL is right',
    keyHint: `set ${settings.keySetting}`,
    modelHint: () => 'use a name that GET /v1/models lists',
  };
  const ownKey = (): string | undefined => settings.keptKey?.() ?? settings.apiKey ?? undefined;
  const { idleMs, listPrefix = '' } = settings;

  const get = (url: string, signal: AbortSignal): Promise<Json> => {
    const own = ownKey();
    return getJson({ url, context, signal, ...(own !== undefined && { apiKey: own }) });
  };
  const nameOf = (id: string): string => (id.startsWith(listPrefix) ? id.slice(listPrefix.length) : id);
  const teller = createTeller({ kind: settings.kind ?? 'openai', baseUrl, get });

  async function listModels({ signal }: { signal: AbortSignal }): Promise<string[]> {
    if (needsKey && ownKey() === undefined) return [];
    const listed = await get(`${baseUrl}/models`, signal);
    // Together's list is an array without a frame.
    const models = isObject(listed) ? listed.data : listed;
    if (!Array.isArray(models)) throw malformedError('did not list its models', context);
    teller.noteList(listed);
    return models.flatMap((model) => (isObject(model) && typeof model.id === 'string' ? [nameOf(model.id)] : []));
  }

  async function health({ signal }: { signal: AbortSignal }): Promise<ProviderHealth> {
    try {
      if (needsKey && ownKey() === undefined) {
        return { state: 'yellow', reason: `No API key: set ${settings.keySetting}.` };
      }
      const names = await listModels({ signal });
      return { state: 'green', reason: `It answers with ${names.length} models.`, models: names.length, names };
    } catch (error) {
      const { code, message } = asRatchetError(error);
      return { state: code === 'RateLimited' ? 'yellow' : 'red', reason: message };
    }
  }

  return {
    name,
    kind: settings.kind ?? 'openai',
    locality: settings.locality ?? (isLoopback(hostname) ? 'local' : 'remote'),
    reportsUsage,
    ...(limitField && { limitField }),
    ...(settings.facts && { facts: settings.facts }),
    setUp: settings.setUp ?? (() => ({ state: 'given' })),
    async call(endpoint, body, options) {
      const apiKey = options.apiKey ?? ownKey();
      if (needsKey && apiKey === undefined) {
        throw new RatchetError('ProviderRejected', `${name} needs an API key: set ${settings.keySetting}.`, {
          details: { provider: name },
        });
      }
      const url = `${baseUrl}/${endpoint}`;
      return postCall({ ...options, url, context, idleMs, ...(apiKey !== undefined && { apiKey }) }, body);
    },
    listModels,
    describe: async (model, options) => (needsKey && ownKey() === undefined ? null : teller.describe(model, options)),
    health,
  };
}
