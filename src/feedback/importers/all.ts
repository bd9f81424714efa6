import { alpaca } from './alpaca.ts';
import { anythingllm } from './anythingllm.ts';
import { chatgpt } from './chatgpt.ts';
import { csv } from './csv.ts';
import { langfuse } from './langfuse.ts';
import { librechat } from './librechat.ts';
import { litellm } from './litellm.ts';
import { nvidia } from './nvidia.ts';
import { openWebui } from './open-webui.ts';
import { openaiDpo } from './openai-dpo.ts';
import { openaiSft } from './openai-sft.ts';
import { openpipe } from './openpipe.ts';
import { parquet } from './parquet.ts';
import { sharegpt } from './sharegpt.ts';
import { trl } from './trl.ts';
import type { Importer } from './types.ts';

/** Every format that can be read, by the alphabet. */
export const importers: readonly Importer[] = [
  alpaca,
  anythingllm,
  chatgpt,
  csv,
  langfuse,
  librechat,
  litellm,
  nvidia,
  openWebui,
  openaiDpo,
  openaiSft,
  openpipe,
  parquet,
  sharegpt,
  trl,
];
