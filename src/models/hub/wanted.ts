import { z } from 'zod';
import { RatchetError } from '../../core/errors.ts';

/** What of a model's folder training needs beside its weights, and the terms under which it came. */
const beside =
  /^(?:config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab)\.json$|^merges\.txt$|^tokenizer\.model$|^chat_template\.jinja$|^(?:LICENSE|NOTICE|USE_POLICY)(?:\.\w+)?$/i;

/** Says which files hold which tensors, of weights that are in several. */
export const weightIndex = 'model.safetensors.index.json';

const plainName = /^[\w.-]+\.safetensors$/;
const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/** The small files among the names of a model's folder, sorted. */
export function filesBeside(names: readonly string[]): string[] {
  return names.filter((name) => beside.test(name) || name === weightIndex).sort();
}

/**
 * The files that hold the weights, sorted: those of the index, else `model.safetensors`, else all. InvalidInput where there are
 * none, which says what the folder holds instead.
 */
export function weightFiles(names: readonly string[], index: string | null): string[] {
  if (names.includes('adapter_config.json') && !names.includes('config.json')) {
    throw new RatchetError(
      'InvalidInput',
      'It is an adapter, which nothing starts from: add the base that it goes on.',
    );
  }
  if (index !== null) return indexedFiles(names, index);
  if (names.includes('model.safetensors')) return ['model.safetensors'];
  // Mistral's own copy of the same weights, under other names.
  const found = names.filter((name) => plainName.test(name) && !name.startsWith('consolidated'));
  if (found.length > 0) return found.sort();
  throw new RatchetError('InvalidInput', `It has no *.safetensors file: ${advice(names)}`);
}

function advice(names: readonly string[]): string {
  if (names.some((name) => name.endsWith('.gguf'))) return 'GGUF is not trained, name the model that it was made from.';
  if (names.some((name) => /\.(?:bin|pth|pt|ckpt)$/.test(name)))
    return 'its weights are pickles, which can run code; name a copy of it in safetensors.';
  return 'name a model in Hugging Face layout.';
}

function indexedFiles(names: readonly string[], text: string): string[] {
  const parsed = indexSchema.safeParse(parse(text));
  if (!parsed.success) throw new RatchetError('InvalidInput', `${weightIndex} is not valid: fetch the model again.`);
  const files = [...new Set(Object.values(parsed.data.weight_map))].sort();
  for (const file of files) {
    if (!plainName.test(file)) {
      throw new RatchetError(
        'InvalidInput',
        `${weightIndex} names ${JSON.stringify(file)}: it is no file of the model.`,
      );
    }
    if (!names.includes(file)) {
      throw new RatchetError('InvalidInput', `It lacks ${file}, which ${weightIndex} names: name a whole model.`);
    }
  }
  return files;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
