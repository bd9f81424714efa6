import { RatchetError } from './errors.ts';
import type { JobOf, exportFormats, exportQuantizations } from './job.ts';

export type ExportFormat = (typeof exportFormats)[number];

/** How a model is written for other programs. */
export interface ExportRequest {
  format: ExportFormat;
  dtype: JobOf<'export'>['export']['dtype'];
  /** How matrices are rounded; null not at all. */
  quantize: ExportQuantization | null;
}

export type ExportQuantization = (typeof exportQuantizations)[number];

/** What each format is for. */
export const exportAbout: Readonly<Record<ExportFormat, string>> = {
  peft: 'the adapter alone, for PEFT, vLLM and others: adapter_config.json, adapter_model.safetensors',
  merged: 'the whole model in Hugging Face layout, for transformers and others: *.safetensors, tokenizer',
  gguf: 'the whole model as one file, for llama.cpp, LM Studio and others, with a Modelfile for Ollama',
  'gguf-adapter': 'the adapter alone as one file, for llama.cpp and Ollama, with a Modelfile',
};

/** The rounding that the job makes. InvalidInput for a format that is not rounded. */
export function roundingOf({ format, quantize }: ExportRequest): ExportQuantization | null {
  if (quantize === null || format === 'gguf') return quantize;
  throw new RatchetError(
    'InvalidInput',
    `${format} is not written as ${quantize}: ask for the format gguf, or leave the quantisation out.`,
  );
}

/** Whether a format is an adapter alone, which a base does not have. */
export function isAdapter(format: ExportFormat): boolean {
  return format === 'peft' || format === 'gguf-adapter';
}
