import type { ProviderDefinition } from '../definition.ts';

/** Groq's hosted models. */
export const groq: ProviderDefinition = {
  kind: 'groq',
  title: 'Groq',
  baseUrl: 'https://api.groq.com/openai/v1',
  baseUrlVariables: ['GROQ_API_BASE'],
  apiKeyVariables: ['GROQ_API_KEY'],
  needsKey: true,
  reportsUsage: true,
  facts: { abilities: { embeddings: false } },
};
