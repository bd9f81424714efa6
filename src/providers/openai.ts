import { isLoopback } from '../config.ts';
import { isObject } from '../core/canonical.ts';
import { RatchetError, asRatchetError } from '../core/errors.ts';
import { type VendorContext, malformedError } from './errors.ts';
import type { Provider, ProviderHealth } from './types.ts';
import { getJson, postChat } from './wire.ts';

export interface OpenAiOptions {
  /** Name of this instance; several may exist, each with a name of its own. */
  name: string;
  /** URL up to and with `/v1`. */
  baseUrl: string;
  apiKey: string | null;
  /** What a person sets to give it a key, for messages. */
  keySetting: string;
}

const openAiHost = 'api.openai.com';

/** Any server that speaks the OpenAI wire format: OpenAI itself, vLLM, llama.cpp, LM Studio, a LiteLLM proxy. */
export function createOpenAiProvider(options: OpenAiOptions): Provider {
  const { name } = options;
  const baseUrl = options.baseUrl.replace(/\/+$/, '');
  const { hostname } = new URL(baseUrl);
  const needsKey = hostname === openAiHost;
  const context: VendorContext = {
    provider: name,
    baseUrl,
    startHint: 'check that it runs and that its base URL is right',
    keyHint: `set ${options.keySetting}`,
    modelHint: () => 'use a name that GET /v1/models lists',
  };
  const own = options.apiKey ?? undefined;

  async function listModels({ signal }: { signal: AbortSignal }): Promise<string[]> {
    if (needsKey && own === undefined) return [];
    const listed = await getJson({ url: `${baseUrl}/models`, context, apiKey: own, signal });
    if (!isObject(listed) || !Array.isArray(listed.data)) throw malformedError('did not list its models', context);
    return listed.data.flatMap((model) => (isObject(model) && typeof model.id === 'string' ? [model.id] : []));
  }

  async function health({ signal }: { signal: AbortSignal }): Promise<ProviderHealth> {
    if (needsKey && own === undefined) {
      return { state: 'yellow', reason: `No API key: set ${options.keySetting} to use it.` };
    }
    try {
      const models = (await listModels({ signal })).length;
      return { state: 'green', reason: `It answers with ${models} models.`, models };
    } catch (error) {
      const { code, message } = asRatchetError(error);
      return { state: code === 'RateLimited' ? 'yellow' : 'red', reason: message };
    }
  }

  return {
    name,
    kind: 'openai',
    locality: isLoopback(hostname) ? 'local' : 'remote',
    reportsUsage: hostname === openAiHost,
    async chat(request, { signal, apiKey = own }) {
      if (needsKey && apiKey === undefined) {
        throw new RatchetError('ProviderRejected', `${name} needs an API key: set ${options.keySetting}.`, {
          details: { provider: name },
        });
      }
      return postChat({ url: `${baseUrl}/chat/completions`, context, apiKey, signal }, request);
    },
    listModels,
    health,
  };
}
