import type { ProviderDefinition } from '../definition.ts';
import { anthropic } from './anthropic.ts';
import { azure } from './azure.ts';
import { deepseek } from './deepseek.ts';
import { gemini } from './gemini.ts';
import { groq } from './groq.ts';
import { huggingface } from './huggingface.ts';
import { litellm } from './litellm.ts';
import { litgpt } from './litgpt.ts';
import { llamacpp } from './llamacpp.ts';
import { lmStudio } from './lm-studio.ts';
import { mistral } from './mistral.ts';
import { ollama } from './ollama.ts';
import { openai } from './openai.ts';
import { openrouter } from './openrouter.ts';
import { together } from './together.ts';
import { vllm } from './vllm.ts';

/** Every kind, in the order in which a bare model name is looked for: what runs here, vendors, then those who pass on. */
export const kinds: readonly ProviderDefinition[] = [
  ollama,
  llamacpp,
  vllm,
  lmStudio,
  litgpt,
  openai,
  azure,
  anthropic,
  groq,
  mistral,
  deepseek,
  gemini,
  together,
  huggingface,
  openrouter,
  litellm,
];
