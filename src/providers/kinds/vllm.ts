import type { ProviderDefinition } from '../definition.ts';

/** A vLLM server. Its own port is 8000, which llama.cpp's Python server has as well: 8001 is where people put it beside one. */
export const vllm: ProviderDefinition = {
  kind: 'vllm',
  title: 'vLLM',
  aliases: ['hosted_vllm'],
  baseUrl: 'http://localhost:8001/v1',
  baseUrlVariables: ['VLLM_API_BASE', 'HOSTED_VLLM_API_BASE'],
  apiKeyVariables: ['VLLM_API_KEY', 'HOSTED_VLLM_API_KEY'],
  reportsUsage: true,
};
