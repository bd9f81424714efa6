import type { ProviderDefinition } from '../definition.ts';
import { groq } from './groq.ts';
import { ollama } from './ollama.ts';
import { openai } from './openai.ts';

/** Every kind, in the order in which a bare model name is looked for. */
export const kinds: readonly ProviderDefinition[] = [ollama, openai, groq];
