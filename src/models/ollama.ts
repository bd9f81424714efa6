import { openAsBlob } from 'node:fs';
import { z } from 'zod';
import type { JsonObject } from '../core/canonical.ts';
import type { WireMessage } from '../core/message.ts';
import type { ollamaQuantizations } from '../core/quantizations.ts';
import { sameModel } from './ollama/name.ts';
import { type Call, type ProgressLine, createCall, followLines, readJson } from './ollama/wire.ts';

/** A model that Ollama has. */
export interface LocalModel {
  /** With its tag, as Ollama lists it: `qwen2.5:0.5b`. */
  name: string;
  /** SHA-256 of its manifest. */
  digest: string;
  /** Bytes on disk. */
  size: number;
  /** When it was pulled or made, as ISO 8601. */
  modifiedAt: string | null;
  details: ModelDetails;
  /** Where its answers really come from; null for a model that runs in Ollama itself. */
  remoteHost: string | null;
}

/** What Ollama says a model is; empty where it does not know. */
export interface ModelDetails {
  family: string;
  parameterSize: string;
  quantization: string;
}

/** A model in memory. */
export interface LoadedModel {
  name: string;
  digest: string;
  /** Bytes in memory, in all. */
  size: number;
  /** Bytes of them in the memory of a GPU. */
  sizeVram: number;
  /** Tokens; null where Ollama does not say. */
  context: number | null;
  /** When it is dropped unless it is asked again, as ISO 8601. */
  until: string | null;
}

export interface CreateRequest {
  model: string;
  /** Blob digests by file name, without `sha256:`. */
  files?: Record<string, string>;
  /** Of a LoRA adapter, likewise. */
  adapters?: Record<string, string>;
  /** A model that is there already, in place of files. */
  from?: string;
  template?: string;
  system?: string;
  license?: string[];
  messages?: { role: string; content: string }[];
  parameters?: JsonObject;
  renderer?: string;
  parser?: string;
  requires?: string;
  quantize?: (typeof ollamaQuantizations)[number];
}

/** What is told while Ollama is at work. */
export interface WorkOptions {
  onLine: (line: ProgressLine) => void;
  signal?: AbortSignal | undefined;
  /** Asks the registry without TLS. */
  insecure?: boolean | undefined;
}

/** How long a model took to write. */
export interface Timing {
  /** Written, at most as many as were asked for. */
  tokens: number;
  /** For all of them, without loading and reading the prompt. */
  milliseconds: number;
}

export interface TimeRequest {
  prompt: string;
  /** New tokens. */
  tokens: number;
  /** What the model is loaded with, besides. */
  options?: JsonObject | undefined;
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
  /** The prompt that Ollama would give to the model for a chat. It loads the model for that, with these options. */
  render(model: string, messages: readonly WireMessage[], signal?: AbortSignal, options?: JsonObject): Promise<string>;
  /** Goes on with a text, greedily and as it is, and tells how long the new tokens took. */
  time(model: string, request: TimeRequest, signal?: AbortSignal): Promise<Timing>;
  /** Names of the models in memory. */
  loaded(signal?: AbortSignal): Promise<string[]>;
  /** The models in memory, and what they take. */
  running(signal?: AbortSignal): Promise<LoadedModel[]>;
  /** Gets a model from its registry. What is there already of it is not fetched again. */
  pull(name: string, options: WorkOptions): Promise<void>;
  /** Sends a model to the registry that its name says. */
  push(name: string, options: WorkOptions): Promise<void>;
  /** Gives a model a second name. NotFound. */
  copy(source: string, destination: string, signal?: AbortSignal): Promise<void>;
  /** Whether Ollama has these bytes. `digest` without `sha256:`. */
  hasBlob(digest: string, signal?: AbortSignal): Promise<boolean>;
  /** Sends bytes as they come. Ollama refuses those that have another digest. */
  sendBlob(digest: string, body: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void>;
  /** Asks Ollama to drop a model from memory. */
  unload(name: string, signal?: AbortSignal): Promise<void>;
}

const detailsSchema = z
  .object({
    family: z.string().nullish(),
    parameter_size: z.string().nullish(),
    quantization_level: z.string().nullish(),
  })
  .nullish()
  .transform(
    (found): ModelDetails => ({
      family: found?.family ?? '',
      parameterSize: found?.parameter_size ?? '',
      quantization: found?.quantization_level ?? '',
    }),
  );
const listed = z
  .object({
    name: z.string(),
    digest: z.string(),
    size: z.number(),
    modified_at: z.string().nullish(),
    remote_host: z.string().nullish(),
    details: detailsSchema,
  })
  .transform(
    ({ modified_at, remote_host, ...rest }): LocalModel => ({
      ...rest,
      modifiedAt: modified_at ?? null,
      // An empty text is what Ollama says of a model of its own.
      remoteHost: remote_host ? remote_host : null,
    }),
  );
const running = z
  .object({
    name: z.string(),
    digest: z.string().default(''),
    size: z.number().default(0),
    size_vram: z.number().default(0),
    context_length: z.number().nullish(),
    expires_at: z.string().nullish(),
  })
  .transform(
    ({ size_vram, context_length, expires_at, ...rest }): LoadedModel => ({
      ...rest,
      sizeVram: size_vram,
      context: context_length ? context_length : null,
      until: expires_at ?? null,
    }),
  );
const listSchema = z.object({ models: z.array(listed).nullish() });
const loadedSchema = z.object({ models: z.array(running).nullish() });
const versionSchema = z.object({ version: z.string() });
const timingSchema = z
  .object({ eval_count: z.number().default(0), eval_duration: z.number().default(0) })
  .transform((found): Timing => ({ tokens: found.eval_count, milliseconds: found.eval_duration / 1e6 }));
const renderSchema = z.object({ _debug_info: z.object({ rendered_template: z.string() }) });

/** A client for the Ollama server at `url`, e.g. `http://127.0.0.1:11434`. */
export function createOllamaClient(url: string, apiKey: () => string | null = () => null): OllamaClient {
  const call = createCall(url, apiKey);
  const list = async (signal?: AbortSignal): Promise<LocalModel[]> => {
    const { models } = await readJson(await call('GET', '/api/tags', { signal }), listSchema);
    return models ?? [];
  };
  const inMemory = async (signal?: AbortSignal): Promise<LoadedModel[]> => {
    const { models } = await readJson(await call('GET', '/api/ps', { signal }), loadedSchema);
    return models ?? [];
  };
  return {
    url,
    list,
    version: async (signal) => (await readJson(await call('GET', '/api/version', { signal }), versionSchema)).version,
    find: async (name, signal) => (await list(signal)).find((model) => sameModel(model.name, name)) ?? null,
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
    render: async (model, messages, signal, options) => {
      const json = { model, messages, stream: false, _debug_render_only: true, ...(options && { options }) };
      const answer = await readJson(await call('POST', '/api/chat', { json, signal }), renderSchema);
      return answer._debug_info.rendered_template;
    },
    time: (model, request, signal) => timeAnswer(call, model, request, signal),
    loaded: async (signal) => (await inMemory(signal)).map(({ name }) => name),
    running: inMemory,
    pull: (model, options) => work(call, '/api/pull', model, options),
    push: (model, options) => work(call, '/api/push', model, options),
    copy: async (source, destination, signal) => {
      const response = await call('POST', '/api/copy', { json: { source, destination }, signal });
      await response.body?.cancel();
    },
    hasBlob: (digest, signal) => hasBlob(call, digest, signal),
    sendBlob: async (digest, body, signal) => {
      const response = await call('POST', blobPath(digest), { body, signal });
      await response.body?.cancel();
    },
    unload: async (name, signal) => {
      const json = { model: name, keep_alive: 0, stream: false };
      const response = await call('POST', '/api/generate', { json, signal, allow: [404] });
      await response.body?.cancel();
    },
  };
}

function work(call: Call, path: string, model: string, { insecure, ...options }: WorkOptions): Promise<void> {
  return followLines(call, path, { json: { model, ...(insecure && { insecure }) }, ...options });
}

async function timeAnswer(
  call: Call,
  model: string,
  { prompt, tokens, options: given }: TimeRequest,
  signal?: AbortSignal,
): Promise<Timing> {
  const options = { ...given, temperature: 0, num_predict: tokens };
  const json = { model, prompt, raw: true, stream: false, options };
  return readJson(await call('POST', '/api/generate', { json, signal }), timingSchema);
}

function blobPath(digest: string): string {
  return `/api/blobs/sha256:${digest}`;
}

async function hasBlob(call: Call, digest: string, signal?: AbortSignal): Promise<boolean> {
  return (await call('HEAD', blobPath(digest), { signal, allow: [404] })).ok;
}

async function putBlob(
  call: Call,
  digest: string,
  source: { path: string } | { bytes: Uint8Array },
  signal?: AbortSignal,
): Promise<boolean> {
  if (await hasBlob(call, digest, signal)) return false;
  const body = 'path' in source ? await openAsBlob(source.path) : new Blob([Buffer.from(source.bytes)]);
  const response = await call('POST', blobPath(digest), { body, signal });
  await response.body?.cancel();
  return true;
}

async function create(
  call: Call,
  { files, adapters, ...rest }: CreateRequest,
  onStatus?: (status: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  const json = { ...rest, ...(files && { files: named(files) }), ...(adapters && { adapters: named(adapters) }) };
  let last = '';
  const onLine = ({ status }: ProgressLine) => {
    if (status !== last) onStatus?.(status);
    last = status;
  };
  await followLines(call, '/api/create', { json, onLine, signal });
}

function named(digests: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(digests).map(([name, digest]) => [name, `sha256:${digest}`]));
}
