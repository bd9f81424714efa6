import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';

/**
 * Tokens as OpenAI counts them: a prompt with what was read from the cache and written to it, an answer with its thoughts.
 * Null where nothing was counted.
 */
export function usageOf(usage: JsonObject): JsonObject | null {
  const { input_tokens: fresh, output_tokens: completion } = usage;
  if (typeof fresh !== 'number' && typeof completion !== 'number') return null;
  const cached = countOf(usage.cache_read_input_tokens);
  const written = countOf(usage.cache_creation_input_tokens);
  const prompt = countOf(fresh) + cached + written;
  const details = isObject(usage.output_tokens_details) ? usage.output_tokens_details : {};
  return {
    prompt_tokens: prompt,
    completion_tokens: countOf(completion),
    total_tokens: prompt + countOf(completion),
    prompt_tokens_details: { cached_tokens: cached, cache_creation_tokens: written },
    ...(typeof details.thinking_tokens === 'number' && {
      completion_tokens_details: { reasoning_tokens: details.thinking_tokens },
    }),
  };
}

/** The figures so far, with those that are new; a null tells nothing. */
export function mergeUsage(before: JsonObject, news: Json | undefined): JsonObject {
  if (!isObject(news)) return before;
  return { ...before, ...Object.fromEntries(Object.entries(news).filter(([, value]) => value !== null)) };
}

function countOf(value: Json | undefined): number {
  return typeof value === 'number' ? value : 0;
}
