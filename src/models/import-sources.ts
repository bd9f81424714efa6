import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { JsonObject } from '../core/canonical.ts';
import { RatchetError } from '../core/errors.ts';
import { sha256Hex } from '../store/digest.ts';
import type { ChatTemplate } from './chat-template.ts';

/** A file that Ollama gets. */
export interface Source {
  digest: string;
  /** Bytes. */
  size: number;
  from: { path: string } | { bytes: Uint8Array };
}

/** Files by their names in Ollama. */
export type Sources = ReadonlyMap<string, Source>;

const wanted =
  /\.(safetensors|safetensors\.index\.json)$|^(config|generation_config|tokenizer|special_tokens_map|added_tokens|vocab)\.json$|^merges\.txt$|^tokenizer\.model$/;

/** What Ollama converts of a model folder in Hugging Face layout. InvalidInput when it has no weights. */
export async function readWeights(folder: string, template: ChatTemplate): Promise<Sources> {
  const names = (await readdir(folder)).filter((name) => wanted.test(name)).sort();
  if (!names.some((name) => name.endsWith('.safetensors'))) {
    throw new RatchetError('InvalidInput', `${folder} has no *.safetensors file: Ollama cannot import it.`);
  }
  const sources = new Map<string, Source>();
  for (const name of names) sources.set(name, await readSource(join(folder, name)));
  const bytes = await tokenizerConfig(folder, template);
  sources.set('tokenizer_config.json', { digest: sha256Hex(bytes), size: bytes.length, from: { bytes } });
  return sources;
}

/**
 * Of these Ollama 0.17 makes no GGUF (Mistral, Qwen 3), one that it cannot load (Phi-3 whose positions are not stretched), or
 * one in which prompts have other tokens (Gemma 2: a space after every special one).
 */
const unconverted = new Set(['MistralForCausalLM', 'Qwen3ForCausalLM', 'Phi3ForCausalLM', 'Gemma2ForCausalLM']);
const configSchema = z.object({ architectures: z.array(z.string()).nullish() });

/** Name of the model in a folder that has it as GGUF, beside its tokenizer and chat template. */
export const ggufName = 'model.gguf';

/** Whether a model folder has to be written as GGUF before Ollama can take it. */
export async function needsGguf(folder: string): Promise<boolean> {
  const { architectures } = configSchema.parse(JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')));
  return unconverted.has(architectures?.[0] ?? '');
}

/** Whether a folder has its model as GGUF. */
export async function hasGguf(folder: string): Promise<boolean> {
  return (await readdir(folder)).includes(ggufName);
}

/** One file, measured. */
export async function readSource(path: string): Promise<Source> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { digest: hash.digest('hex'), size, from: { path } };
}

/** Digests of files by name. */
export function digestsOf(sources: Sources): Record<string, string> {
  return Object.fromEntries([...sources].map(([name, { digest }]) => [name, digest]));
}

/** Says whether prompts begin with a BOS token, which Ollama otherwise guesses by architecture. */
async function tokenizerConfig(folder: string, template: ChatTemplate): Promise<Uint8Array> {
  const config = JSON.parse(await readFile(join(folder, 'tokenizer_config.json'), 'utf8')) as JsonObject;
  return Buffer.from(JSON.stringify({ ...config, add_bos_token: template.beginsWithBos, add_eos_token: false }));
}
