import { managementFaults } from '../../core/ollama-options.ts';
import type { ProviderDefinition } from '../definition.ts';
import { createOllamaProvider } from '../ollama.ts';
import { optionFaults } from '../ollama/options.ts';

/** Ollama on this machine or another. */
export const ollama: ProviderDefinition = {
  kind: 'ollama',
  title: 'Ollama',
  aliases: ['ollama_chat'],
  baseUrl: 'http://127.0.0.1:11434',
  baseUrlVariables: ['OLLAMA_BASE_URL', 'OLLAMA_API_BASE'],
  reportsUsage: true,
  checkOptions: (options) => [...optionFaults(options), ...managementFaults(options)],
  create: ({ name, baseUrl, apiKey, idleMs, setUp, options, named }) =>
    createOllamaProvider({ name, baseUrl, keptKey: apiKey, idleMs, setUp, options, named }),
};
