import type { ProviderDefinition } from '../definition.ts';

/** LM Studio's server on this machine. */
export const lmStudio: ProviderDefinition = {
  kind: 'lm_studio',
  title: 'LM Studio',
  aliases: ['lmstudio'],
  baseUrl: 'http://localhost:1234/v1',
  baseUrlVariables: ['LM_STUDIO_API_BASE', 'LMSTUDIO_API_BASE'],
  apiKeyVariables: ['LM_STUDIO_API_KEY'],
  reportsUsage: true,
};
