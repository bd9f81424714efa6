import type { ProviderDefinition } from '../definition.ts';

/** Mistral's own platform. It reports usage in the last piece of every stream, and refuses to be asked for it (422). */
export const mistral: ProviderDefinition = {
  kind: 'mistral',
  title: 'Mistral',
  baseUrl: 'https://api.mistral.ai/v1',
  baseUrlVariables: ['MISTRAL_API_BASE'],
  apiKeyVariables: ['MISTRAL_API_KEY'],
  needsKey: true,
};
