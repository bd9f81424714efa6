import type { ProviderDefinition } from '../definition.ts';

/** Together's hosted models. Its list of models is an array of its own, without the frame that OpenAI's has. */
export const together: ProviderDefinition = {
  kind: 'together',
  title: 'Together AI',
  aliases: ['together_ai', 'togetherai'],
  baseUrl: 'https://api.together.xyz/v1',
  baseUrlVariables: ['TOGETHER_API_BASE', 'TOGETHER_AI_API_BASE', 'TOGETHER_BASE_URL'],
  apiKeyVariables: ['TOGETHER_API_KEY', 'TOGETHERAI_API_KEY', 'TOGETHER_AI_API_KEY', 'TOGETHER_AI_TOKEN'],
  needsKey: true,
  reportsUsage: true,
};
