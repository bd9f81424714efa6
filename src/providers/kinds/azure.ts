import { createAzureProvider } from '../azure.ts';
import type { ProviderDefinition } from '../definition.ts';

/** OpenAI's models as Microsoft serves them, by the deployments of a resource. */
export const azure: ProviderDefinition = {
  kind: 'azure',
  title: 'Azure OpenAI',
  aliases: ['azure_openai'],
  baseUrl: null,
  baseUrlVariables: ['AZURE_API_BASE', 'AZURE_OPENAI_ENDPOINT'],
  apiKeyVariables: ['AZURE_API_KEY', 'AZURE_OPENAI_API_KEY'],
  needsKey: true,
  create: createAzureProvider,
};
