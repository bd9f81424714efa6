import { RatchetError } from './errors.ts';
import type { JobOf, exportFormats } from './job.ts';

export type ExportFormat = (typeof exportFormats)[number];

/** How a model is written for other programs. */
export interface ExportRequest {
  format: ExportFormat;
  dtype: JobOf<'export'>['export']['dtype'];
  /** How matrices are rounded; null not at all. */
  quantize: ExportQuantization | null;
}

/** What may be asked for. Only `q8_0` is written here, the others are refused with who can. */
export const exportQuantizations = ['q8_0', 'q4_K_S', 'q4_K_M'] as const;
export type ExportQuantization = (typeof exportQuantizations)[number];

/** What each format is for. */
export const exportAbout: Readonly<Record<ExportFormat, string>> = {
  peft: 'the adapter alone, for PEFT, vLLM and others: adapter_config.json, adapter_model.safetensors',
  merged: 'the whole model in Hugging Face layout, for transformers and others: *.safetensors, tokenizer',
  gguf: 'the whole model as one file, for llama.cpp, LM Studio and others, with a Modelfile for Ollama',
  'gguf-adapter': 'the adapter alone as one file, for llama.cpp and Ollama, with a Modelfile',
};

/** The rounding that the job makes. InvalidInput, which says who makes it, for one that it does not. */
export function roundingOf({ format, quantize }: ExportRequest): 'q8_0' | null {
  if (quantize === null) return null;
  if (format !== 'gguf') {
    throw new RatchetError(
      'InvalidInput',
      `${format} is not written as ${quantize}: ask for the format gguf, or leave the quantisation out.`,
    );
  }
  if (quantize === 'q8_0') return quantize;
  throw new RatchetError(
    'InvalidInput',
    `${quantize} takes llama.cpp's tools, which Ollama has: export without a quantisation, then run "ollama create <name> -q ${quantize} -f Modelfile" in that folder, or have every cycle do so by "import": {"quantize": "${quantize}"} in its recipe.`,
  );
}

/** Whether a format is an adapter alone, which a base does not have. */
export function isAdapter(format: ExportFormat): boolean {
  return format === 'peft' || format === 'gguf-adapter';
}
