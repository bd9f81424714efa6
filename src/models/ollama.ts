import { openAsBlob } from 'node:fs';
import { z } from 'zod';
import type { JsonObject } from '../core/canonical.ts';
import { RatchetError } from '../core/errors.ts';
import type { WireMessage } from '../core/message.ts';

/** A model that Ollama has. */
export interface LocalModel {
  /** With its tag, as Ollama lists it: `qwen2.5:0.5b`. */
  name: string;
  /** SHA-256 of its manifest. */
  digest: string;
  /** Bytes on disk. */
  size: number;
}

export interface CreateRequest {
  model: string;
  /** Blob digests by file name, without `sha256:`. */
  files?: Record<string, string>;
  /** A model that is there already, in place of files. */
  from?: string;
  template?: string;
  parameters?: JsonObject;
  quantize?: 'q8_0' | 'q4_K_S' | 'q4_K_M';
}

/** Management of one Ollama server: what only Ollama can do. Chats go through a provider. */
export interface OllamaClient {
  readonly url: string;
  version(signal?: AbortSignal): Promise<string>;
  list(signal?: AbortSignal): Promise<LocalModel[]>;
  /** Null when Ollama does not have it; `:latest` is implied. */
  find(name: string, signal?: AbortSignal): Promise<LocalModel | null>;
  /** Template, parameters, details and capabilities, as Ollama tells them. NotFound when it does not have the model. */
  show(name: string, signal?: AbortSignal): Promise<JsonObject>;
  /** Whether it was there. */
  delete(name: string, signal?: AbortSignal): Promise<boolean>;
  /** Sends a file unless Ollama has those bytes already; whether it was sent. `digest` is the SHA-256 of the file. */
  putBlob(digest: string, source: { path: string } | { bytes: Uint8Array }, signal?: AbortSignal): Promise<boolean>;
  /** Makes a model; `onStatus` gets Ollama's own words for what it is doing. */
  create(request: CreateRequest, onStatus?: (status: string) => void, signal?: AbortSignal): Promise<void>;
  /** The prompt that Ollama would give to the model for a chat. */
  render(model: string, messages: readonly WireMessage[], signal?: AbortSignal): Promise<string>;
  /** Names of the models in memory. */
  loaded(signal?: AbortSignal): Promise<string[]>;
  /** Asks Ollama to drop a model from memory. */
  unload(name: string, signal?: AbortSignal): Promise<void>;
}

const listSchema = z.object({
  models: z.array(z.object({ name: z.string(), digest: z.string(), size: z.number() })).nullish(),
});
const loadedSchema = z.object({ models: z.array(z.object({ name: z.string() })).nullish() });
const versionSchema = z.object({ version: z.string() });
const renderSchema = z.object({ _debug_info: z.object({ rendered_template: z.string() }) });
const statusSchema = z.object({ status: z.string().nullish(), error: z.string().nullish() });
const errorSchema = z.object({ error: z.string() });

/** A client for the Ollama server at `url`, e.g. `http://127.0.0.1:11434`. */
export function createOllamaClient(url: string): OllamaClient {
  const call = createCall(url);
  const list = async (signal?: AbortSignal): Promise<LocalModel[]> => {
    const { models } = await readJson(await call('GET', '/api/tags', { signal }), listSchema);
    return models ?? [];
  };
  return {
    url,
    list,
    version: async (signal) => (await readJson(await call('GET', '/api/version', { signal }), versionSchema)).version,
    find: async (name, signal) => (await list(signal)).find((model) => model.name === withTag(name)) ?? null,
    show: async (name, signal) =>
      readJson(
        await call('POST', '/api/show', { json: { model: name }, signal }),
        z.looseObject({}),
      ) as Promise<JsonObject>,
    delete: async (name, signal) => {
      const response = await call('DELETE', '/api/delete', { json: { model: name }, signal, allow: [404] });
      await response.body?.cancel();
      return response.ok;
    },
    putBlob: (digest, source, signal) => putBlob(call, digest, source, signal),
    create: (request, onStatus, signal) => create(call, request, onStatus, signal),
    render: async (model, messages, signal) => {
      const json = { model, messages, stream: false, _debug_render_only: true };
      const answer = await readJson(await call('POST', '/api/chat', { json, signal }), renderSchema);
      return answer._debug_info.rendered_template;
    },
    loaded: async (signal) => {
      const { models } = await readJson(await call('GET', '/api/ps', { signal }), loadedSchema);
      return (models ?? []).map(({ name }) => name);
    },
    unload: async (name, signal) => {
      const json = { model: name, keep_alive: 0, stream: false };
      const response = await call('POST', '/api/generate', { json, signal, allow: [404] });
      await response.body?.cancel();
    },
  };
}

/** A name with its tag, as Ollama lists it. */
export function withTag(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1).includes(':') ? name : `${name}:latest`;
}

interface CallOptions {
  json?: unknown;
  body?: Blob;
  signal?: AbortSignal | undefined;
  /** Statuses over 299 that are an answer, not an error. */
  allow?: readonly number[];
}
type Call = (method: string, path: string, options?: CallOptions) => Promise<Response>;

function createCall(url: string): Call {
  return async (method, path, { json, body, signal, allow = [] } = {}) => {
    const response = await fetch(`${url}${path}`, {
      method,
      ...(json !== undefined && { body: JSON.stringify(json), headers: { 'content-type': 'application/json' } }),
      ...(body && { body }),
      ...(signal && { signal }),
    }).catch((cause: unknown) => {
      signal?.throwIfAborted();
      throw new RatchetError(
        'ProviderUnavailable',
        `Ollama does not answer at ${url}. Start Ollama ("ollama serve"), or set OLLAMA_BASE_URL.`,
        { cause },
      );
    });
    if (response.ok || allow.includes(response.status)) return response;
    throw await refusal(response, `${method} ${path}`);
  };
}

async function refusal(response: Response, what: string): Promise<RatchetError> {
  const text = await response.text().catch(() => '');
  const message = messageOf(text) ?? `HTTP ${response.status}`;
  const details = { status: response.status, call: what };
  if (response.status === 404) return new RatchetError('NotFound', `Ollama: ${message}.`, { details });
  return rejected(message, details, response.status >= 500);
}

/** Ollama's words as an error of ours; a busy or failing server may answer better the next time. */
function rejected(message: string, details: Record<string, unknown>, isTransient = false): RatchetError {
  if (/no space left/i.test(message)) {
    return new RatchetError('DiskFull', `Ollama has no space left: free some disk space, then retry.`, { details });
  }
  if (/more system memory|out of memory/i.test(message)) {
    return new RatchetError('OutOfMemory', `Ollama has too little memory: ${message}.`, { details });
  }
  const code = isTransient ? 'ProviderUnavailable' : 'ProviderRejected';
  return new RatchetError(code, `Ollama refused: ${message}.`, { details });
}

function messageOf(text: string): string | null {
  try {
    return errorSchema.parse(JSON.parse(text)).error.replace(/\.$/, '');
  } catch {
    return text.trim() === '' ? null : text.trim().slice(0, 500);
  }
}

async function readJson<T>(response: Response, schema: z.ZodType<T>): Promise<T> {
  const parsed = schema.safeParse(await response.json());
  if (parsed.success) return parsed.data;
  throw new RatchetError(
    'ProviderRejected',
    `What answers at ${new URL(response.url).origin} is not an Ollama that Ratchet knows: update Ollama to 0.17 or later.`,
    { cause: parsed.error },
  );
}

async function putBlob(
  call: Call,
  digest: string,
  source: { path: string } | { bytes: Uint8Array },
  signal?: AbortSignal,
): Promise<boolean> {
  const path = `/api/blobs/sha256:${digest}`;
  const head = await call('HEAD', path, { signal, allow: [404] });
  if (head.ok) return false;
  const body = 'path' in source ? await openAsBlob(source.path) : new Blob([Buffer.from(source.bytes)]);
  const response = await call('POST', path, { body, signal });
  await response.body?.cancel();
  return true;
}

async function create(
  call: Call,
  { files, ...rest }: CreateRequest,
  onStatus?: (status: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  const named = files && Object.fromEntries(Object.entries(files).map(([name, digest]) => [name, `sha256:${digest}`]));
  const json = { ...rest, ...(named && { files: named }), stream: true };
  const response = await call('POST', '/api/create', { json, signal });
  let last = '';
  for await (const line of lines(response)) {
    const { status, error } = statusSchema.parse(JSON.parse(line));
    if (error) throw rejected(error, { call: 'POST /api/create', model: rest.model });
    if (status && status !== last) onStatus?.(status);
    last = status ?? last;
  }
  if (last !== 'success') {
    throw new RatchetError('ProviderUnavailable', `Ollama stopped while it made ${rest.model}: try again.`);
  }
}

async function* lines(response: Response): AsyncGenerator<string> {
  if (!response.body) return;
  let rest = '';
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    yield* parts.filter((part) => part.trim() !== '');
  }
  if (rest.trim() !== '') yield rest;
}
