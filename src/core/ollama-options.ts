import { z } from 'zod';
import type { JsonObject } from './canonical.ts';
import { RatchetError } from './errors.ts';

/** A registry that models may come from, or go to. */
export interface AllowedRegistry {
  /** With its port where it has one, in lower case: `registry.ollama.ai`, `127.0.0.1:5000`. */
  host: string;
  /** Asked without TLS; only where the settings say `http://`. */
  plain: boolean;
}

/** How Ollama is managed; the rest of `providers.ollama.options` is for the models. */
export interface OllamaManagement {
  /** `missing`: a model that is asked for and not there is pulled first. */
  pull: 'never' | 'missing';
  /** Names, or beginnings of names that end in `*`, that `missing` holds for. */
  pullModels: readonly string[];
  /** Nobody else is asked for a model. */
  registries: readonly AllowedRegistry[];
  /** Largest file that may be uploaded, in bytes. */
  blobBytes: number;
}

/** Names in `providers.ollama.options` that say how Ollama is managed, and are never sent to it. */
export const managementOptions: readonly string[] = ['pull', 'pull_models', 'registries', 'blob_limit_gb'];

const registry = z
  .string()
  .max(350)
  .regex(/^(https?:\/\/)?[\w.-]+(:\d{1,5})?$/i, 'write a registry as "host", "host:port" or "http://host:port"')
  .transform((text): AllowedRegistry => {
    const host = text.replace(/^https?:\/\//i, '').toLowerCase();
    return { host, plain: /^http:/i.test(text) };
  });

const schema = z.object({
  pull: z.enum(['never', 'missing']).default('never'),
  pull_models: z
    .array(z.string().regex(/^[^*]*\*?$/, 'write a name, or its beginning and "*"'))
    .max(1000)
    .default(['*']),
  registries: z
    .array(registry)
    .max(100)
    .default([
      { host: 'registry.ollama.ai', plain: false },
      { host: 'hf.co', plain: false },
      { host: 'huggingface.co', plain: false },
    ]),
  blob_limit_gb: z.number().positive().max(100_000).default(200),
});

/** What is wrong with what `options` says about management, each as a clause that begins with the option's name. */
export function managementFaults(options: JsonObject): string[] {
  const { error } = schema.safeParse(options);
  return error ? error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) : [];
}

/** Reads what `providers.ollama.options` says about management. InvalidInput names every fault. */
export function managementOf(options: JsonObject = {}): OllamaManagement {
  const parsed = schema.safeParse(options);
  if (!parsed.success) {
    const faults = managementFaults(options).join('; ');
    throw new RatchetError('InvalidInput', `Correct providers.ollama.options in ratchet.json: ${faults}.`);
  }
  const { pull, pull_models, registries, blob_limit_gb } = parsed.data;
  return { pull, pullModels: pull_models, registries, blobBytes: blob_limit_gb * 1e9 };
}
