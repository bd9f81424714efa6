import { isLoopback } from '../config.ts';
import type { ModelFacts } from '../core/capabilities.ts';
import { RatchetError, asRatchetError } from '../core/errors.ts';
import type { ProviderInstance } from './definition.ts';
import { type VendorContext, connectionError, redact, statusError } from './errors.ts';
import type { CallOptions, Endpoint, Provider, ProviderAnswer, ProviderHealth } from './types.ts';
import { webBody } from './web-body.ts';

/** What a file of the user's own makes: how it is asked, and what else it tells. The rest is made of the file's facts. */
export interface OwnProvider {
  /**
   * Takes a body of the OpenAI wire format and gives an answer in it: JSON, or `text/event-stream` where a stream was asked
   * for. What it throws, and every status but 2xx, is an error of the provider.
   */
  call(endpoint: Endpoint, body: string, options: CallOptions): Response | Promise<Response>;
  /** The names of its models; none unless given. */
  listModels?(options: { signal: AbortSignal }): Promise<string[]>;
  describe?(model: string, options: { signal: AbortSignal }): Promise<ModelFacts | null>;
  health?(options: { signal: AbortSignal }): Promise<ProviderHealth>;
  close?(): Promise<void>;
}

export type OwnCreate = (instance: ProviderInstance) => OwnProvider;

const errorLimit = 64 * 2 ** 10;

/** Makes providers with a user's own function. One that cannot be made says so when it is asked, and stops no other. */
export function createOwn(create: OwnCreate): (instance: ProviderInstance) => Provider {
  return (instance) => {
    try {
      const made: unknown = create(instance);
      if (isOwnProvider(made)) return complete(instance, made);
      return broken(instance, 'its "create" gives no object with a function "call"');
    } catch (error) {
      return broken(instance, `its "create" failed: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
}

function isOwnProvider(made: unknown): made is OwnProvider {
  return typeof made === 'object' && made !== null && 'call' in made && typeof made.call === 'function';
}

type Shared = Pick<Provider, 'name' | 'kind' | 'locality' | 'reportsUsage' | 'limitField' | 'facts' | 'setUp'>;

function sharedParts({ name, definition, baseUrl, setUp }: ProviderInstance): Shared {
  const { kind, locality, reportsUsage = false, limitField, facts } = definition;
  return {
    name,
    kind,
    locality: locality ?? (isLoopback(new URL(baseUrl).hostname) ? 'local' : 'remote'),
    reportsUsage,
    ...(limitField && { limitField }),
    ...(facts && { facts }),
    setUp,
  };
}

function complete(instance: ProviderInstance, own: OwnProvider): Provider {
  const shared = sharedParts(instance);
  const context: VendorContext = {
    provider: instance.name,
    baseUrl: instance.baseUrl,
    startHint: 'check that it runs and that its base URL is right',
    keyHint: instance.keyHint,
    modelHint: () => 'use a name that GET /v1/models lists',
  };

  async function call(endpoint: Endpoint, body: string, options: CallOptions): Promise<ProviderAnswer> {
    const apiKey = options.apiKey ?? instance.apiKey() ?? undefined;
    if (instance.definition.needsKey && apiKey === undefined) {
      throw new RatchetError('ProviderRejected', `${instance.name} needs an API key: ${instance.keyHint}.`, {
        details: { provider: instance.name },
      });
    }
    const named = { ...context, secret: apiKey, ...(options.model !== undefined && { model: options.model }) };
    const asked = { ...options, ...(apiKey !== undefined && { apiKey }) };
    return answerOf(() => own.call(endpoint, body, asked), named, options.signal);
  }

  const listModels = async (options: { signal: AbortSignal }): Promise<string[]> => {
    if (shared.setUp().state === 'missing') return [];
    return (await own.listModels?.(options).catch(failedAs(context, options.signal))) ?? [];
  };

  return {
    ...shared,
    call,
    listModels,
    health: (options) => healthOf(own, listModels, options),
    ...(own.describe && { describe: (model, options) => own.describe?.(model, options) ?? Promise.resolve(null) }),
    ...(own.close && { close: () => own.close?.() ?? Promise.resolve() }),
  };
}

/** Asks, and reads what came as an answer of a provider. */
async function answerOf(
  ask: () => Response | Promise<Response>,
  context: VendorContext,
  signal: AbortSignal,
): Promise<ProviderAnswer> {
  const response = await untilAborted(ask, signal).catch(failedAs(context, signal));
  const headers = Object.fromEntries(response.headers);
  if (!response.ok) {
    const text = await response.text().catch(() => '');
    throw statusError(response.status, headers, text.slice(0, errorLimit), context);
  }
  const fail = (error: unknown): RatchetError => connectionError(causeOf(error), context, signal);
  return {
    status: response.status,
    headers,
    body: webBody(response.body, { signal, asError: fail }),
    redact: (text) => redact(text, context.secret),
  };
}

/** Waits no longer than until the call is given up, whether who is asked follows the signal or not. */
async function untilAborted<T>(ask: () => T | Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(new Error('given up', { cause: signal.reason }));
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([ask(), promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function failedAs(context: VendorContext, signal: AbortSignal): (error: unknown) => never {
  return (error) => {
    throw connectionError(causeOf(error), context, signal);
  };
}

/** What `fetch` throws has what happened inside. */
function causeOf(error: unknown): unknown {
  return error instanceof TypeError && error.cause !== undefined ? error.cause : error;
}

async function healthOf(
  own: OwnProvider,
  listModels: Provider['listModels'],
  options: { signal: AbortSignal },
): Promise<ProviderHealth> {
  try {
    if (own.health) return await own.health(options);
    if (!own.listModels)
      return { state: 'green', reason: 'It is there; whether it answers is seen with the first call.' };
    const names = await listModels(options);
    return { state: 'green', reason: `It answers with ${names.length} models.`, models: names.length, names };
  } catch (error) {
    return { state: 'red', reason: asRatchetError(error).message };
  }
}

/** A provider that its file could not make. */
function broken(instance: ProviderInstance, problem: string): Provider {
  const hint = `mend the file of "${instance.definition.kind}" (${problem.replace(/\s+/g, ' ').slice(0, 300)})`;
  return {
    ...sharedParts(instance),
    setUp: () => ({ state: 'missing', hint }),
    call: () =>
      Promise.reject(
        new RatchetError('ProviderUnavailable', `${instance.name} cannot be asked: ${hint}.`, {
          details: { provider: instance.name },
        }),
      ),
    listModels: () => Promise.resolve([]),
    health: () => Promise.resolve({ state: 'red', reason: `It cannot be asked: ${hint}.` }),
  };
}
