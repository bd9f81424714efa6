import type { ProviderDefinition } from '../definition.ts';

/** DeepSeek's own platform. */
export const deepseek: ProviderDefinition = {
  kind: 'deepseek',
  title: 'DeepSeek',
  baseUrl: 'https://api.deepseek.com/v1',
  baseUrlVariables: ['DEEPSEEK_API_BASE'],
  apiKeyVariables: ['DEEPSEEK_API_KEY'],
  needsKey: true,
  reportsUsage: true,
  facts: { abilities: { embeddings: false } },
};
