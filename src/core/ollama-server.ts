import { z } from 'zod';

/** A variable that an Ollama server reads when it starts. */
export interface ServerVariable {
  name: string;
  about: string;
  /** What is wrong with a value, as a clause that says what to do; null when it is right. */
  fault: (value: string) => string | null;
}

const any = () => null;
const as = (pattern: RegExp, advice: string) => (value: string) => (pattern.test(value) ? null : advice);
const whole = as(/^\d+$/, 'write a whole number');
const flag = as(/^(1|0|t|f|true|false)$/i, 'write 1 or 0');
const time = as(/^-?(\d+|(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+)$/, 'write a time such as 10m, 24h, 0, or -1 for ever');
const listenAddress = as(/^(https?:\/\/)?[\w.-]*(\[[\da-f:]+\])?(:\d{1,5})?\/?$/i, 'write host, host:port or :port');

const table = {
  OLLAMA_HOST: ['where Ollama listens, and is reached unless OLLAMA_BASE_URL says otherwise', listenAddress],
  OLLAMA_MODELS: ['the folder of its models', any],
  OLLAMA_KEEP_ALIVE: ['how long a model stays in memory after it was asked; 5m unless set', time],
  OLLAMA_NUM_PARALLEL: ['how many calls one model answers at a time', whole],
  OLLAMA_MAX_LOADED_MODELS: ['how many models are in memory at a time', whole],
  OLLAMA_MAX_QUEUE: ['how many calls wait before it says that it is busy', whole],
  OLLAMA_CONTEXT_LENGTH: ['tokens of context where neither model nor call says', whole],
  OLLAMA_FLASH_ATTENTION: ['1: less memory for long contexts', flag],
  OLLAMA_KV_CACHE_TYPE: [
    'weights of the context in memory: f16, q8_0 or q4_0',
    as(/^(f16|q8_0|q4_0)$/, 'write f16, q8_0 or q4_0'),
  ],
  OLLAMA_ORIGINS: ['web pages that may ask it directly, with commas', any],
  OLLAMA_LOAD_TIMEOUT: ['how long the loading of a model may stand still', time],
  OLLAMA_GPU_OVERHEAD: ['bytes of each GPU that are left alone', whole],
  OLLAMA_SCHED_SPREAD: ['1: a model is spread over all GPUs', flag],
  OLLAMA_MULTIUSER_CACHE: ['1: the cache of prompts is shared among callers', flag],
  OLLAMA_NEW_ENGINE: ['1: its newer engine for all models that it can run', flag],
  OLLAMA_NOPRUNE: ['1: what no model needs, and half a pull, is kept when it starts', flag],
  OLLAMA_NO_CLOUD: ['0: models that answer from the cloud may be used; 1 unless set', flag],
  OLLAMA_LLM_LIBRARY: ['the library that it computes with, in place of what it finds', any],
  OLLAMA_VULKAN: ['1: Vulkan may be used', flag],
  OLLAMA_DEBUG: ['1 or 2: what it writes to its log', as(/^(\d+|true|false)$/i, 'write 0, 1 or 2')],
  CUDA_VISIBLE_DEVICES: ['the NVIDIA GPUs that it may use', any],
  ROCR_VISIBLE_DEVICES: ['the AMD GPUs that it may use', any],
  HSA_OVERRIDE_GFX_VERSION: ['the kind that AMD GPUs are taken for', any],
} as const satisfies Readonly<Record<string, readonly [about: string, fault: ServerVariable['fault']]>>;

/** What an Ollama that Ratchet starts is given of the environment and of `.env`. */
export const serverVariables: readonly ServerVariable[] = Object.entries(table).map(([name, [about, fault]]) => {
  return { name, about, fault };
});

/** The same as optional texts, each with what it is for. */
export const serverVariableShape = Object.fromEntries(
  serverVariables.map(({ name, about }) => [
    name,
    z.string().optional().describe(`Ollama that "ratchet up" starts: ${about}`),
  ]),
) as Readonly<Record<keyof typeof table, z.ZodOptional<z.ZodString>>>;

const usualPort = '11434';

/** `OLLAMA_HOST` as Ollama reads it: `0.0.0.0` is `0.0.0.0:11434`, `:8080` is `127.0.0.1:8080`. */
export function listensAt(value: string): { host: string; port: string } {
  const [, scheme, rest = ''] = /^(?:(https?):\/\/)?([^/]*)/i.exec(value.trim()) ?? [];
  const [, host = '', port] = /^(.*?)(?::(\d+))?$/.exec(rest) ?? [];
  const ofScheme = scheme === undefined ? usualPort : scheme.toLowerCase() === 'https' ? '443' : '80';
  return { host: host === '' ? '127.0.0.1' : host, port: port ?? ofScheme };
}

/** Where an Ollama that listens by this `OLLAMA_HOST` is reached from its own machine. */
export function reachedAt(value: string): string {
  const { host, port } = listensAt(value);
  const scheme = /^https:/i.test(value.trim()) ? 'https' : 'http';
  const own = host === '0.0.0.0' || host === '[::]' ? '127.0.0.1' : host;
  return `${scheme}://${own}:${port}`;
}
