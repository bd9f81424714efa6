import { isLoopback } from '../config.ts';
import { type JsonObject, isObject } from '../core/canonical.ts';
import { RatchetError, asRatchetError } from '../core/errors.ts';
import type { ProviderInstance } from './definition.ts';
import { type VendorContext, malformedError } from './errors.ts';
import type { CallOptions, Provider, ProviderHealth } from './types.ts';
import { type WireCall, getJson, postCall } from './wire.ts';

/** The last version of the routes by deployment that is no preview. */
const usualVersion = '2024-10-21';
/** From these on, the API tells the usage of a stream, and knows the newer name of the limit. */
const usageSince = '2024-09-01';
const limitSince = '2024-12-01';

/** One of Azure's two surfaces. */
interface Surface {
  urlOf(endpoint: string, model: string): string;
  /** Where something answers that has the key checked. */
  readonly probe: string;
  readonly reportsUsage: boolean;
  readonly newLimit: boolean;
}

/**
 * Azure OpenAI: by deployment, with a dated `api-version`, or where the base URL ends in `/openai/v1` by the surface without
 * one. A deployment's name is the model's. Its content filter's fields pass as they are.
 */
export function createAzureProvider(instance: ProviderInstance): Provider {
  const { name, definition, baseUrl, apiKey, keyHint, setUp, idleMs, named } = instance;
  const surface = surfaceOf(instance);
  const context: VendorContext = {
    provider: name,
    baseUrl,
    startHint: 'check that its base URL is that of your resource',
    keyHint,
    modelHint: () => 'use the name of a deployment of your resource, and check the API version',
  };

  function wire(url: string, options: CallOptions): WireCall {
    const key = options.apiKey ?? apiKey();
    if (key === null) {
      const message = `${name} needs an API key: ${keyHint}.`;
      throw new RatchetError('ProviderRejected', message, { details: { provider: name } });
    }
    return { ...options, url, context, idleMs, keyHeader: 'api-key', apiKey: key };
  }

  async function health({ signal }: { signal: AbortSignal }): Promise<ProviderHealth> {
    const names = named();
    if (apiKey() === null) return { state: 'yellow', reason: `No API key: ${keyHint}.` };
    try {
      const listed = await getJson(wire(surface.probe, { signal }));
      if (!isObject(listed) || !Array.isArray(listed.data)) throw malformedError('did not list its models', context);
    } catch (error) {
      const { code, message } = asRatchetError(error);
      return { state: code === 'RateLimited' ? 'yellow' : 'red', reason: message };
    }
    if (names.length > 0) {
      return { state: 'green', reason: `It answers, with ${names.length} deployments.`, models: names.length, names };
    }
    const reason = `It answers, but a key cannot list deployments: name yours in models of ratchet.json, as "${name}/my-deployment": {}.`;
    return { state: 'yellow', reason, models: 0, names };
  }

  return {
    name,
    kind: definition.kind,
    locality: isLoopback(new URL(baseUrl).hostname) ? 'local' : 'remote',
    reportsUsage: surface.reportsUsage,
    ...(surface.newLimit && { limitField: 'max_completion_tokens' as const }),
    setUp,
    call: async (endpoint, body, options) => {
      const model = options.model ?? modelOf(body);
      return postCall(wire(surface.urlOf(endpoint, model), options), body);
    },
    // What can be asked for is a deployment, and those a key cannot list.
    listModels: () => Promise.resolve([...named()]),
    health,
  };
}

function surfaceOf({ baseUrl, options, variable }: ProviderInstance): Surface {
  const said = versionOf(options()) ?? variable('AZURE_API_VERSION') ?? variable('OPENAI_API_VERSION');
  if (baseUrl.endsWith('/openai/v1')) {
    const query = said === 'preview' ? '?api-version=preview' : '';
    return {
      urlOf: (endpoint) => `${baseUrl}/${endpoint}${query}`,
      probe: `${baseUrl}/models${query}`,
      reportsUsage: true,
      newLimit: true,
    };
  }
  const root = baseUrl.replace(/\/openai(\/deployments(\/[^/]+)?)?$/, '');
  const version = said ?? usualVersion;
  const query = `?api-version=${encodeURIComponent(version)}`;
  return {
    urlOf: (endpoint, model) => `${root}/openai/deployments/${encodeURIComponent(model)}/${endpoint}${query}`,
    probe: `${root}/openai/models${query}`,
    reportsUsage: version >= usageSince,
    newLimit: version >= limitSince,
  };
}

function versionOf({ api_version: version }: JsonObject): string | undefined {
  return typeof version === 'string' && version !== '' ? version : undefined;
}

function modelOf(body: string): string {
  const sent: unknown = JSON.parse(body);
  return isObject(sent) && typeof sent.model === 'string' ? sent.model : '';
}
