import type { ProviderDefinition } from '../definition.ts';
import { createLiteLlm } from '../litellm.ts';

/** LiteLLM's proxy. Where there is none, its prefix is looked through, as its library does. */
export const litellm: ProviderDefinition = {
  kind: 'litellm',
  title: 'LiteLLM',
  aliases: ['litellm_proxy'],
  baseUrl: 'http://localhost:4000/v1',
  baseUrlVariables: ['LITELLM_API_BASE', 'LITELLM_PROXY_API_BASE', 'LITELLM_BASE_URL'],
  apiKeyVariables: ['LITELLM_API_KEY', 'LITELLM_PROXY_API_KEY', 'LITELLM_MASTER_KEY'],
  reportsUsage: true,
  locality: 'remote',
  create: createLiteLlm,
};
