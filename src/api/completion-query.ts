import { z } from '@hono/zod-openapi';
import type { Principal } from '../core/access.ts';
import type { CompletionFilter } from '../store/types.ts';
import { requireRole, visibleOwner } from './roles.ts';
import { flag } from './schemas.ts';

const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));
const text = z.string().min(1).max(500).optional();

/** Query parameters that say which completions are meant. */
export const filterQuery = {
  q: z.string().max(1000).optional().openapi({
    description:
      'Words that must all occur, "phrases in order" and beginnings*. What ended just now is found a second later.',
  }),
  rated: flag.optional(),
  provider: text,
  model: text,
  kind: z.enum(['chat', 'text', 'responses', 'embeddings']).optional(),
  state: z.enum(['open', 'complete', 'interrupted', 'failed']).optional(),
  conversation: text,
  key: text.openapi({ description: 'Id of an API key.' }),
  team: text,
  owner: text.openapi({ description: "Somebody else's take a key with the role `operate`." }),
  erased: flag.optional(),
  since: time.optional(),
  until: time.optional(),
};

type Query = z.infer<z.ZodObject<typeof filterQuery>>;

/** The filter that a query asks for, over what its sender may see. */
export function toFilter(principal: Principal, query: Query): CompletionFilter {
  const { q, rated, provider, model, kind, state, conversation, key, team, erased, since, until } = query;
  if (query.owner !== undefined && query.owner !== principal.owner) {
    requireRole(principal, 'operate', "read others' chats");
  }
  const owner = query.owner ?? visibleOwner(principal);
  return {
    ...(owner !== null && { owner }),
    ...(q !== undefined && { search: q }),
    ...(rated !== undefined && { rated }),
    ...(provider !== undefined && { providers: [provider] }),
    ...(model !== undefined && { models: [model] }),
    ...(kind !== undefined && { kinds: [kind] }),
    ...(state !== undefined && { states: [state] }),
    ...(conversation !== undefined && { conversationId: conversation }),
    ...(key !== undefined && { keyId: key }),
    ...(team !== undefined && { team }),
    ...(erased !== undefined && { erased }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
  };
}
