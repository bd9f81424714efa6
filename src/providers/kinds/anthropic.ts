import { createAnthropicProvider } from '../anthropic/provider.ts';
import type { ProviderDefinition } from '../definition.ts';

/** Anthropic's models, through its own Messages API. */
export const anthropic: ProviderDefinition = {
  kind: 'anthropic',
  title: 'Anthropic',
  baseUrl: 'https://api.anthropic.com',
  baseUrlVariables: ['ANTHROPIC_BASE_URL', 'ANTHROPIC_API_BASE'],
  apiKeyVariables: ['ANTHROPIC_API_KEY'],
  needsKey: true,
  reportsUsage: true,
  // What cannot keep to a schema itself is made to by a tool.
  facts: { abilities: { chat: true, stream: true, tools: true, json: true, embeddings: false } },
  create: createAnthropicProvider,
};
