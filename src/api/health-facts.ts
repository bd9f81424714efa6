import { z } from '@hono/zod-openapi';
import { type ModelFacts, abilities } from '../core/capabilities.ts';

/** What is known of a model, as it is told. */
export const factsView = z.object({
  /** What is not there is not known. */
  abilities: z.partialRecord(z.enum(abilities), z.boolean()),
  /** The longest prompt and answer together, in tokens. */
  context_length: z.int().nullable(),
  /** Bytes on disk. */
  size: z.int().nullable(),
});

/** Facts in the API's own form. */
export function presentFacts({ abilities, context, size }: ModelFacts): z.infer<typeof factsView> {
  return { abilities, context_length: context ?? null, size: size ?? null };
}
