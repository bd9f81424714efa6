import type { ProviderDefinition } from '../definition.ts';

/** OpenAI, and any server that speaks its wire format at the URL that is given. */
export const openai: ProviderDefinition = {
  kind: 'openai',
  title: 'OpenAI',
  baseUrl: 'https://api.openai.com/v1',
  baseUrlVariables: ['OPENAI_BASE_URL', 'OPENAI_API_BASE'],
  apiKeyVariables: ['OPENAI_API_KEY'],
};
