/** How Ollama can round the weights of a model that it makes. */
export const ollamaQuantizations = ['q8_0', 'q4_K_S', 'q4_K_M'] as const;
