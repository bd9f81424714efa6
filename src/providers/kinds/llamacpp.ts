import type { ProviderDefinition } from '../definition.ts';

/** llama.cpp's own server, or the one of its Python package (which listens at :8000 unless told otherwise). */
export const llamacpp: ProviderDefinition = {
  kind: 'llamacpp',
  title: 'llama.cpp',
  aliases: ['llama_cpp', 'llama.cpp', 'llamafile'],
  baseUrl: 'http://localhost:8080/v1',
  baseUrlVariables: ['LLAMACPP_API_BASE', 'LLAMA_CPP_API_BASE', 'LLAMAFILE_API_BASE'],
  apiKeyVariables: ['LLAMACPP_API_KEY', 'LLAMA_API_KEY', 'LLAMAFILE_API_KEY'],
  reportsUsage: true,
};
