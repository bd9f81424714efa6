import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { JsonObject } from '../core/canonical.ts';
import { RatchetError } from '../core/errors.ts';
import { digestJson } from '../store/digest.ts';
import { writeFileDurably } from '../store/files.ts';
import type { ChatTemplate } from './chat-template.ts';
import { type Sources, digestsOf, ggufName, hasGguf, needsGguf, readSource, readWeights } from './import-sources.ts';
import type { CreateRequest, OllamaClient } from './ollama.ts';
import { sampleChats, stopsOf, toOllamaTemplate } from './template.ts';

export interface ImportDeps {
  ollama: OllamaClient;
  /** Only models of this prefix are made or replaced; everything else in Ollama is the user's. */
  modelPrefix: string;
  /** Folder of one small file per import, which says what the model was made from. */
  importsDir: string;
  /** Whether the GPU is lent to training, so that nothing is loaded there. It never is unless given. */
  gpuLent?: () => boolean;
  /** Writes a model folder as GGUF into a folder of its own, for what Ollama does not convert. */
  toGguf?: (folder: string, signal?: AbortSignal) => Promise<string>;
}

export interface ImportRequest {
  /** Model in Hugging Face layout: config.json, tokenizer files, *.safetensors or model.gguf. Of an adapter: its base. */
  folder: string;
  /** A GGUF adapter, and the model in Ollama that it goes on. */
  adapter?: { file: string; base: string };
  /** Name in Ollama, with the prefix. */
  name: string;
  quantize?: CreateRequest['quantize'];
  signal?: AbortSignal;
  onStatus?: (status: string) => void;
}

export interface Imported {
  /** Model ref, `ollama/<name>`. */
  served: string;
  /** Digest that Ollama reports. */
  digest: string;
}

/** Counts up when what is written as GGUF changes, so that it is imported anew. */
const ggufWriter = 1;
const recordSchema = z.object({ source: z.string(), digest: z.string() });

/** What a model is made of. */
interface Parts {
  /** Files that say what it is; what Ollama gets may first be made of them. */
  sources: Sources;
  make: Pick<CreateRequest, 'from' | 'quantize'>;
  /** What Ollama calls the files. */
  role: 'files' | 'adapters';
  /** Digest in Ollama of the model that an adapter goes on. */
  under: string | null;
  /** Bytes of the weights. */
  bytes: number;
  /** Whether the files become GGUF first. */
  convert: boolean;
}

/**
 * Puts a model folder into Ollama under a name, or an adapter on a model that is there: files as blobs, the chat template
 * written for Ollama, the texts at which an answer ends; then compares what Ollama renders with the model's own template
 * and takes the model away again when they differ. Importing the same again does nothing.
 *
 * Throws InvalidInput for a folder that cannot be imported, ProviderRejected for an adapter that Ollama cannot run,
 * ProviderUnavailable when Ollama does not answer.
 */
export async function importModel(deps: ImportDeps, request: ImportRequest): Promise<Imported> {
  assertOurName(request.name, deps.modelPrefix);
  const { readChatTemplate } = await import('./chat-template.ts');
  const template = await readChatTemplate(request.folder);
  const ollamaTemplate = toOllamaTemplate(template);
  const parts = await (request.adapter
    ? adapterParts(deps.ollama, request.adapter, request.signal)
    : weightParts(request, template));
  if (parts.convert && !deps.toGguf) {
    throw new RatchetError(
      'InvalidInput',
      `Ollama does not convert the model in ${request.folder}: export it as GGUF.`,
    );
  }
  const parameters = parametersOf(template, parts.bytes);
  const digests = digestsOf(parts.sources);
  const source = digestJson({
    digests,
    ollamaTemplate,
    parameters,
    quantize: request.quantize ?? null,
    ...(parts.under !== null && { under: parts.under }),
    ...(parts.convert && { writer: ggufWriter }),
  });

  const existing = await deps.ollama.find(request.name, request.signal);
  const record = await readRecord(deps, request.name);
  if (existing && record?.source === source && record.digest === existing.digest) {
    return { served: `ollama/${request.name}`, digest: existing.digest };
  }
  const files = await sendFiles(deps, request, parts);
  const make = { model: request.name, ...parts.make, [parts.role]: files, template: ollamaTemplate, parameters };
  await deps.ollama.create(make, request.onStatus, request.signal);
  const offGpu = deps.gpuLent?.() === true ? { num_gpu: 0 } : undefined;
  if (request.adapter) await assertRuns(deps.ollama, request.name, request.adapter.base, offGpu, request.signal);
  await assertRendersAlike(deps.ollama, request.name, template, offGpu, request.signal);
  const made = await deps.ollama.find(request.name, request.signal);
  if (!made) throw new RatchetError('ProviderUnavailable', `Ollama lost ${request.name} after making it: try again.`);
  await writeRecord(deps, request.name, { source, digest: made.digest });
  return { served: `ollama/${request.name}`, digest: made.digest };
}

/** Sends what Ollama makes the model of; their digests by name. */
async function sendFiles(deps: ImportDeps, request: ImportRequest, parts: Parts): Promise<Record<string, string>> {
  if (!parts.convert || !deps.toGguf) return send(deps.ollama, request, parts.sources);
  request.onStatus?.('writing GGUF');
  const made = await deps.toGguf(request.folder, request.signal);
  try {
    return await send(deps.ollama, request, await ggufSource(made));
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

async function send(
  ollama: OllamaClient,
  { onStatus, signal }: ImportRequest,
  sources: Sources,
): Promise<Record<string, string>> {
  for (const [name, { digest, from }] of sources) {
    onStatus?.(`sending ${name}`);
    await ollama.putBlob(digest, from, signal);
  }
  return digestsOf(sources);
}

async function ggufSource(folder: string): Promise<Sources> {
  return new Map([[ggufName, await readSource(join(folder, ggufName))]]);
}

async function weightParts({ folder, quantize }: ImportRequest, template: ChatTemplate): Promise<Parts> {
  const written = await hasGguf(folder);
  const sources = written ? await ggufSource(folder) : await readWeights(folder, template);
  const weights = [...sources].filter(([name]) => /\.(safetensors|gguf)$/.test(name));
  const bytes = weights.reduce((sum, [, source]) => sum + source.size, 0);
  const convert = !written && (await needsGguf(folder));
  return { sources, make: quantize ? { quantize } : {}, role: 'files', under: null, bytes, convert };
}

async function adapterParts(
  ollama: OllamaClient,
  { file, base }: NonNullable<ImportRequest['adapter']>,
  signal?: AbortSignal,
): Promise<Parts> {
  const under = await ollama.find(base, signal);
  if (!under)
    throw new RatchetError('NotFound', `Ollama does not have ${base}, which the adapter goes on: serve it first.`);
  const source = await readSource(file);
  const sources = new Map([['adapter.gguf', source]]);
  const { digest, size } = under;
  return { sources, make: { from: base }, role: 'adapters', under: digest, bytes: size, convert: false };
}

/** The name in Ollama of a model ref, as {@link Imported} has it. */
export function nameInOllama(ref: string): string {
  return ref.replace(/^ollama\//, '');
}

/** Takes a model of ours out of Ollama; whether it was there. */
export async function removeModel(deps: ImportDeps, name: string, signal?: AbortSignal): Promise<boolean> {
  assertOurName(name, deps.modelPrefix);
  return deps.ollama.delete(name, signal);
}

function assertOurName(name: string, prefix: string): void {
  if (/^[a-z0-9][a-z0-9._-]{0,79}$/.test(name) && name.startsWith(prefix) && name.length > prefix.length) return;
  throw new RatchetError(
    'InvalidInput',
    `"${name}" is not a name that Ratchet makes or removes: use "${prefix}" followed by a-z, 0-9, ".", "_" or "-".`,
  );
}

/**
 * Weights below this are computed by one thread: threads that wait for each other cost more than they bring, and on a busy
 * machine far more (13 tokens of a 1 MB model, two cores at load 6: 1,300 to 1,800 ms with Ollama's choice, 90 ms with one).
 */
const oneThreadBytes = 32 * 2 ** 20;

function parametersOf(template: ChatTemplate, bytes: number): JsonObject {
  return { stop: stopsOf(template), ...(bytes < oneThreadBytes && { num_thread: 1 }) };
}

/** Ollama tells only when it loads a model whether its engine can put an adapter on it. */
async function assertRuns(
  ollama: OllamaClient,
  name: string,
  base: string,
  options: JsonObject | undefined,
  signal?: AbortSignal,
): Promise<void> {
  const request = { prompt: 'a', tokens: 1, options };
  try {
    await ollama.time(name, request, signal);
  } catch (cause) {
    signal?.throwIfAborted();
    await ollama.time(base, request, signal);
    if (options) await ollama.unload(base, signal);
    await ollama.delete(name, signal);
    throw new RatchetError(
      'ProviderRejected',
      `Ollama runs ${base} but not with this adapter on it: import the merged weights.`,
      { cause },
    );
  }
}

async function assertRendersAlike(
  ollama: OllamaClient,
  name: string,
  template: ChatTemplate,
  offGpu: JsonObject | undefined,
  signal?: AbortSignal,
): Promise<void> {
  for (const chat of sampleChats(template)) {
    const expected = template.render(chat, true);
    const rendered = await ollama.render(name, chat, signal, offGpu);
    if (rendered === expected) continue;
    await ollama.delete(name, signal);
    throw new RatchetError(
      'InvalidInput',
      `Ollama would ask ${name} in other words than its own chat template, so it was not imported: use another base.`,
      { details: { expected, rendered } },
    );
  }
  // What is loaded without the GPU stays so for every later call.
  if (offGpu) await ollama.unload(name, signal);
}

function recordPath(deps: ImportDeps, name: string): string {
  return join(deps.importsDir, `${name}.json`);
}

async function readRecord(deps: ImportDeps, name: string): Promise<z.infer<typeof recordSchema> | null> {
  try {
    return recordSchema.parse(JSON.parse(await readFile(recordPath(deps, name), 'utf8')));
  } catch {
    return null;
  }
}

async function writeRecord(deps: ImportDeps, name: string, record: z.infer<typeof recordSchema>): Promise<void> {
  await writeFileDurably(recordPath(deps, name), `${JSON.stringify(record)}\n`);
}
