import type { ProviderDefinition } from '../definition.ts';

/** OpenRouter, which passes a chat on to the vendor of the model. */
export const openrouter: ProviderDefinition = {
  kind: 'openrouter',
  title: 'OpenRouter',
  baseUrl: 'https://openrouter.ai/api/v1',
  baseUrlVariables: ['OPENROUTER_API_BASE'],
  apiKeyVariables: ['OPENROUTER_API_KEY', 'OR_API_KEY'],
  needsKey: true,
  reportsUsage: true,
};
