import { alpaca } from './alpaca.ts';
import { anythingllm } from './anythingllm.ts';
import { chatgpt } from './chatgpt.ts';
import { librechat } from './librechat.ts';
import { nvidia } from './nvidia.ts';
import { openWebui } from './open-webui.ts';
import { openaiDpo } from './openai-dpo.ts';
import { openaiSft } from './openai-sft.ts';
import { openpipe } from './openpipe.ts';
import { sharegpt } from './sharegpt.ts';
import { trl } from './trl.ts';
import type { Importer } from './types.ts';

/** Every format that can be read, by the alphabet. */
export const importers: readonly Importer[] = [
  alpaca,
  anythingllm,
  chatgpt,
  librechat,
  nvidia,
  openWebui,
  openaiDpo,
  openaiSft,
  openpipe,
  sharegpt,
  trl,
];
