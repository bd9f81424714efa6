import { isLoopback } from '../config.ts';
import { type Json, type JsonObject, isObject } from '../core/canonical.ts';
import { asRatchetError } from '../core/errors.ts';
import { type VendorContext, malformedError } from './errors.ts';
import { createOllamaTeller, runningModels } from './facts/ollama.ts';
import { callNative, nativeCallOf } from './ollama/native.ts';
import { oneToken } from './ollama/one-token.ts';
import { optionsFor, unknownOptions } from './ollama/options.ts';
import { createPlaces } from './ollama/places.ts';
import type { PlaceTimes } from './ollama/room.ts';
import type { CallOptions, Endpoint, Provider, ProviderAnswer, ProviderHealth, SetUp } from './types.ts';
import { getJson, postCall, postJson } from './wire.ts';

/** Versions before this one read memory out of bounds when they load a crafted model (CVE-2026-7482). */
const safeVersion = [0, 17, 1] as const;

export interface OllamaOptions {
  name: string;
  baseUrl: string;
  /** A key for what may stand between Ratchet and Ollama. */
  keptKey?: () => string | null;
  /** How long it may send nothing before it is cut off, in ms; for ever unless given, or 0. */
  idleMs?: number;
  setUp?: () => SetUp;
  /** What the settings say for all models, or for one, such as `num_ctx`. */
  options?: (model?: string) => JsonObject;
  /** Models that the settings name. */
  named?: () => readonly string[];
  /** How long a call may be held up by one that was cut off. */
  placeTimes?: Partial<PlaceTimes>;
}

/** Ollama: chats through its OpenAI-compatible route, or through its own where there are options; everything else through its own. */
export function createOllamaProvider(settings: OllamaOptions): Provider {
  const { name, baseUrl, keptKey, idleMs, setUp, options = () => ({}), named = () => [], placeTimes } = settings;
  const root = baseUrl.replace(/\/+$/, '').replace(/\/v1$/, '');
  const context: VendorContext = {
    provider: name,
    baseUrl: root,
    startHint: 'start it with "ollama serve", or set OLLAMA_BASE_URL',
    keyHint: 'check what stands between Ratchet and Ollama',
    modelHint: (model) => `get it with "ollama pull ${model}"`,
  };

  const ownKey = (): { apiKey?: string } => {
    const apiKey = keptKey?.();
    return apiKey ? { apiKey } : {};
  };

  const tags = (signal: AbortSignal): Promise<Json> =>
    getJson({ ...ownKey(), url: `${root}/api/tags`, context, signal });
  const show = (model: string, signal: AbortSignal): Promise<Json> =>
    postJson({ ...ownKey(), url: `${root}/api/show`, context, signal, model }, { model });
  const loaded = (signal: AbortSignal): Promise<Json> =>
    getJson({ ...ownKey(), url: `${root}/api/ps`, context, signal });

  async function listModels({ signal }: { signal: AbortSignal }): Promise<string[]> {
    const listed = await tags(signal);
    if (!isObject(listed) || !Array.isArray(listed.models)) throw malformedError('did not list its models', context);
    return listed.models.flatMap((model) => (isObject(model) && typeof model.name === 'string' ? [model.name] : []));
  }

  async function health({ signal }: { signal: AbortSignal }): Promise<ProviderHealth> {
    try {
      const [answer, names, running] = await Promise.all([
        getJson({ ...ownKey(), url: `${root}/api/version`, context, signal }),
        listModels({ signal }),
        loaded(signal).then(runningModels, () => undefined),
      ]);
      const version = isObject(answer) && typeof answer.version === 'string' ? answer.version : 'unknown';
      const unknown = unknownOptions(Object.assign({}, options(), ...named().map(options)), version);
      const found = { ...judge(version, names.length, unknown), version, models: names.length, names };
      return running ? { ...found, loaded: running } : found;
    } catch (error) {
      return { state: 'red', reason: asRatchetError(error).message };
    }
  }

  return {
    name,
    kind: 'ollama',
    locality: isLoopback(new URL(root).hostname) ? 'local' : 'remote',
    reportsUsage: true,
    setUp: setUp ?? (() => ({ state: 'given' })),
    ...createCalls({ root, ownKey, context, idleMs, options, loaded, placeTimes }),
    listModels,
    describe: createOllamaTeller({ tags, show, options: (model) => optionsFor(options, model) }),
    health,
  };
}

interface CallParts {
  root: string;
  idleMs: number | undefined;
  placeTimes: Partial<PlaceTimes> | undefined;
  ownKey: () => { apiKey?: string };
  context: VendorContext;
  options: NonNullable<OllamaOptions['options']>;
  loaded: (signal: AbortSignal) => Promise<Json>;
}

function createCalls(parts: CallParts): Required<Pick<Provider, 'call' | 'freed'>> {
  const { root, ownKey, context, idleMs, options, loaded, placeTimes } = parts;
  const places = createPlaces({
    drop: (model, signal) =>
      postJson({ ...ownKey(), url: `${root}/api/generate`, context, signal, model }, { model, keep_alive: 0 }),
    isLoaded: async (model, signal) => runningModels(await loaded(signal)).includes(model),
    ...(placeTimes && { times: placeTimes }),
  });

  async function send(endpoint: Endpoint, body: string, callOptions: CallOptions): Promise<ProviderAnswer> {
    const target = { ...ownKey(), ...callOptions, context, idleMs };
    const native = nativeCallOf(endpoint, body, optionsFor(options, callOptions.model), callOptions.override);
    if (native) return callNative(native, { ...target, url: root });
    return postCall({ ...target, url: `${root}/v1/${endpoint}` }, body);
  }

  function call(endpoint: Endpoint, body: string, callOptions: CallOptions): Promise<ProviderAnswer> {
    const { model, signal } = callOptions;
    // What runs at ollama.com has no places here, and each call of it may cost money.
    if (model === undefined || /[:-]cloud$/.test(model)) return send(endpoint, body, callOptions);
    return places.call({
      model,
      signal,
      send: (until) => send(endpoint, body, { ...callOptions, signal: until }),
      again: (until) => send(endpoint, oneToken(body), { ...callOptions, signal: until }),
    });
  }

  return { call, freed: places.freed };
}

function judge(version: string, models: number, unknown: readonly string[]): Pick<ProviderHealth, 'state' | 'reason'> {
  if (isOlder(version)) {
    const reason = `Ollama ${version} has a known hole (CVE-2026-7482): update it to ${safeVersion.join('.')} or later.`;
    return { state: 'yellow', reason };
  }
  if (models === 0)
    return { state: 'yellow', reason: 'It has no models yet: get one with "ollama pull qwen2.5:0.5b".' };
  if (unknown.length > 0) {
    const reason = `Ollama ${version} does not know ${unknown.join(', ')}, and leaves it out: take it out of its options in ratchet.json.`;
    return { state: 'yellow', reason };
  }
  return { state: 'green', reason: `It answers with ${models} models.` };
}

function isOlder(version: string): boolean {
  const numbers = /^(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number);
  // 0.0.0 is what a build from source says of itself.
  if (!numbers || numbers.every((number) => number === 0)) return false;
  const first = safeVersion.findIndex((least, at) => numbers[at] !== least);
  return first !== -1 && (numbers[first] ?? 0) < (safeVersion[first] ?? 0);
}
