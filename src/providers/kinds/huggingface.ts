import type { ProviderDefinition } from '../definition.ts';

/** Hugging Face's router, which passes a chat on to one of its inference providers. It answers chats only. */
export const huggingface: ProviderDefinition = {
  kind: 'huggingface',
  title: 'Hugging Face',
  aliases: ['hf'],
  baseUrl: 'https://router.huggingface.co/v1',
  baseUrlVariables: ['HUGGINGFACE_API_BASE', 'HF_API_BASE'],
  apiKeyVariables: ['HUGGINGFACE_API_TOKEN', 'HF_TOKEN', 'HUGGINGFACE_API_KEY'],
  needsKey: true,
  reportsUsage: true,
  facts: { abilities: { embeddings: false } },
};
