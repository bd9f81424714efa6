import { isLoopback } from '../config.ts';
import { isObject } from '../core/canonical.ts';
import { asRatchetError } from '../core/errors.ts';
import { type VendorContext, malformedError } from './errors.ts';
import type { Provider, ProviderHealth, SetUp } from './types.ts';
import { getJson, postCall } from './wire.ts';

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
}

/** Ollama: chats through its OpenAI-compatible route, everything else through its own. */
export function createOllamaProvider({ name, baseUrl, keptKey, idleMs, setUp }: OllamaOptions): Provider {
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

  async function listModels({ signal }: { signal: AbortSignal }): Promise<string[]> {
    const listed = await getJson({ ...ownKey(), url: `${root}/api/tags`, context, signal });
    if (!isObject(listed) || !Array.isArray(listed.models)) throw malformedError('did not list its models', context);
    return listed.models.flatMap((model) => (isObject(model) && typeof model.name === 'string' ? [model.name] : []));
  }

  async function health({ signal }: { signal: AbortSignal }): Promise<ProviderHealth> {
    try {
      const [answer, names] = await Promise.all([
        getJson({ ...ownKey(), url: `${root}/api/version`, context, signal }),
        listModels({ signal }),
      ]);
      const version = isObject(answer) && typeof answer.version === 'string' ? answer.version : 'unknown';
      return { ...judge(version, names.length), version, models: names.length };
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
    call: async (endpoint, body, options) =>
      postCall({ ...ownKey(), ...options, url: `${root}/v1/${endpoint}`, context, idleMs }, body),
    listModels,
    health,
  };
}

function judge(version: string, models: number): Pick<ProviderHealth, 'state' | 'reason'> {
  if (isOlder(version)) {
    const reason = `Ollama ${version} has a known hole (CVE-2026-7482): update it to ${safeVersion.join('.')} or later.`;
    return { state: 'yellow', reason };
  }
  if (models === 0)
    return { state: 'yellow', reason: 'It has no models yet: get one with "ollama pull qwen2.5:0.5b".' };
  return { state: 'green', reason: `It answers with ${models} models.` };
}

function isOlder(version: string): boolean {
  const numbers = /^(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number);
  // 0.0.0 is what a build from source says of itself.
  if (!numbers || numbers.every((number) => number === 0)) return false;
  const first = safeVersion.findIndex((least, at) => numbers[at] !== least);
  return first !== -1 && (numbers[first] ?? 0) < (safeVersion[first] ?? 0);
}
