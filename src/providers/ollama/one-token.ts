import type { JsonObject } from '../../core/canonical.ts';

/** The body of the same call for one token of one whole answer. */
export function oneToken(body: string): string {
  const { stream_options: _, max_completion_tokens: __, ...sent } = JSON.parse(body) as JsonObject;
  return JSON.stringify({ ...sent, stream: false, max_tokens: 1 });
}
