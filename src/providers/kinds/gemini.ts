import type { ProviderDefinition } from '../definition.ts';

/** Google's Gemini, at the address where it speaks the OpenAI wire format. */
export const gemini: ProviderDefinition = {
  kind: 'gemini',
  title: 'Google Gemini',
  baseUrl: 'https://generativelanguage.googleapis.com/v1beta/openai',
  baseUrlVariables: ['GEMINI_OPENAI_BASE_URL'],
  apiKeyVariables: ['GEMINI_API_KEY', 'GOOGLE_API_KEY'],
  needsKey: true,
  reportsUsage: true,
  listPrefix: 'models/',
};
