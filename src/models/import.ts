import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { JsonObject } from '../core/canonical.ts';
import { RatchetError } from '../core/errors.ts';
import { digestJson, sha256Hex } from '../store/digest.ts';
import { writeFileDurably } from '../store/files.ts';
import { type ChatTemplate, readChatTemplate } from './chat-template.ts';
import type { CreateRequest, OllamaClient } from './ollama.ts';
import { sampleChats, stopsOf, toOllamaTemplate } from './template.ts';

export interface ImportDeps {
  ollama: OllamaClient;
  /** Only models of this prefix are made or replaced; everything else in Ollama is the user's. */
  modelPrefix: string;
  /** Folder of one small file per import, which says what the model was made from. */
  importsDir: string;
}

export interface ImportRequest {
  /** Model in Hugging Face layout: config.json, tokenizer files, *.safetensors. */
  folder: string;
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

const recordSchema = z.object({ source: z.string(), digest: z.string() });
const wanted =
  /\.(safetensors|safetensors\.index\.json)$|^(config|generation_config|tokenizer|special_tokens_map|added_tokens|vocab)\.json$|^merges\.txt$|^tokenizer\.model$/;

/**
 * Puts a model folder into Ollama under a name: files as blobs, the chat template written for Ollama, the texts at which
 * an answer ends; then compares what Ollama renders with the model's own template and takes the model away again when
 * they differ. Importing the same folder again does nothing.
 *
 * Throws InvalidInput for a folder that cannot be imported, ProviderUnavailable when Ollama does not answer.
 */
export async function importModel(deps: ImportDeps, request: ImportRequest): Promise<Imported> {
  assertOurName(request.name, deps.modelPrefix);
  const template = await readChatTemplate(request.folder);
  const ollamaTemplate = toOllamaTemplate(template);
  const sources = await readSources(request.folder, template);
  const parameters = parametersOf(template, sources);
  const digests = Object.fromEntries([...sources].map(([name, { digest }]) => [name, digest]));
  const source = digestJson({ digests, ollamaTemplate, parameters, quantize: request.quantize ?? null });

  const existing = await deps.ollama.find(request.name, request.signal);
  const record = await readRecord(deps, request.name);
  if (existing && record?.source === source && record.digest === existing.digest) {
    return { served: `ollama/${request.name}`, digest: existing.digest };
  }
  for (const [name, { digest, from }] of sources) {
    request.onStatus?.(`sending ${name}`);
    await deps.ollama.putBlob(digest, from, request.signal);
  }
  const make: CreateRequest = {
    model: request.name,
    files: digests,
    template: ollamaTemplate,
    parameters,
    ...(request.quantize && { quantize: request.quantize }),
  };
  await deps.ollama.create(make, request.onStatus, request.signal);
  await assertRendersAlike(deps.ollama, request.name, template, request.signal);
  const made = await deps.ollama.find(request.name, request.signal);
  if (!made) throw new RatchetError('ProviderUnavailable', `Ollama lost ${request.name} after making it: try again.`);
  await writeRecord(deps, request.name, { source, digest: made.digest });
  return { served: `ollama/${request.name}`, digest: made.digest };
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

function parametersOf(template: ChatTemplate, sources: ReadonlyMap<string, Source>): JsonObject {
  const weights = [...sources].filter(([name]) => name.endsWith('.safetensors'));
  const bytes = weights.reduce((sum, [, source]) => sum + source.size, 0);
  return { stop: stopsOf(template), ...(bytes < oneThreadBytes && { num_thread: 1 }) };
}

interface Source {
  digest: string;
  /** Bytes. */
  size: number;
  from: { path: string } | { bytes: Uint8Array };
}

async function readSources(folder: string, template: ChatTemplate): Promise<Map<string, Source>> {
  const names = (await readdir(folder)).filter((name) => wanted.test(name)).sort();
  if (!names.some((name) => name.endsWith('.safetensors'))) {
    throw new RatchetError('InvalidInput', `${folder} has no *.safetensors file: Ollama cannot import it.`);
  }
  const sources = new Map<string, Source>();
  for (const name of names) {
    const path = join(folder, name);
    sources.set(name, { ...(await measure(path)), from: { path } });
  }
  const bytes = await tokenizerConfig(folder, template);
  sources.set('tokenizer_config.json', { digest: sha256Hex(bytes), size: bytes.length, from: { bytes } });
  return sources;
}

/** Says whether prompts begin with a BOS token, which Ollama otherwise guesses by architecture. */
async function tokenizerConfig(folder: string, template: ChatTemplate): Promise<Uint8Array> {
  const config = JSON.parse(await readFile(join(folder, 'tokenizer_config.json'), 'utf8')) as JsonObject;
  return Buffer.from(JSON.stringify({ ...config, add_bos_token: template.beginsWithBos, add_eos_token: false }));
}

async function measure(path: string): Promise<{ digest: string; size: number }> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { digest: hash.digest('hex'), size };
}

async function assertRendersAlike(
  ollama: OllamaClient,
  name: string,
  template: ChatTemplate,
  signal?: AbortSignal,
): Promise<void> {
  for (const chat of sampleChats(template)) {
    const expected = template.render(chat, true);
    const rendered = await ollama.render(name, chat, signal);
    if (rendered === expected) continue;
    await ollama.delete(name, signal);
    throw new RatchetError(
      'InvalidInput',
      `Ollama would ask ${name} in other words than its own chat template, so it was not imported: use another base.`,
      { details: { expected, rendered } },
    );
  }
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
