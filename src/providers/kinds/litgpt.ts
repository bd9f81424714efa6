import type { ProviderDefinition } from '../definition.ts';
import { createLitGpt } from '../litgpt/provider.ts';

/** LitGPT's checkpoints on this machine, or a `litgpt serve` that runs somewhere. */
export const litgpt: ProviderDefinition = {
  kind: 'litgpt',
  title: 'LitGPT',
  baseUrl: 'http://127.0.0.1:8000/v1',
  baseUrlVariables: ['LITGPT_API_BASE'],
  facts: { abilities: { chat: true, stream: true, tools: false, vision: false, json: false, embeddings: false } },
  create: createLitGpt,
};
