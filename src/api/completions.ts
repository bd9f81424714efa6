import { createRoute, z } from '@hono/zod-openapi';
import { RatchetError } from '../core/errors.ts';
import type { CompletionFilter, CompletionRecord, Page, PageRequest, Store } from '../store/types.ts';
import type { Routes } from './context.ts';
import { presentCompletion } from './present.ts';
import { completionRecord, flag, json, pageQuery, problems } from './schemas.ts';

type Stores = Pick<Store, 'chats' | 'feedback'>;
type Completion = z.infer<typeof completionRecord>;

const page = z.object({ items: z.array(completionRecord), next: z.string().nullable() });
const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

const list = createRoute({
  method: 'get',
  path: '/api/completions',
  tags: ['Completions'],
  request: {
    query: z.object({
      ...pageQuery,
      rated: flag.optional(),
      provider: z.string().optional(),
      model: z.string().optional(),
      state: z.enum(['open', 'complete', 'interrupted', 'failed']).optional(),
      conversation: z.string().optional(),
      since: time.optional(),
      until: time.optional(),
    }),
  },
  responses: { 200: json(page, 'Completions with their feedback'), ...problems },
});

const one = createRoute({
  method: 'get',
  path: '/api/completions/{id}',
  tags: ['Completions'],
  request: { params: z.object({ id: z.string() }) },
  responses: { 200: json(completionRecord, 'The completion with its feedback'), ...problems },
});

const conversation = createRoute({
  method: 'get',
  path: '/api/conversations/{id}',
  tags: ['Completions'],
  request: {
    params: z.object({ id: z.string() }),
    query: z.object({ limit: pageQuery.limit, cursor: pageQuery.cursor }),
  },
  responses: {
    200: json(
      z.object({ id: z.string(), items: z.array(completionRecord), next: z.string().nullable() }),
      'Its completions, oldest first',
    ),
    ...problems,
  },
});

/** `GET /api/completions`, `/api/completions/:id` and `/api/conversations/:id`; each owner sees only what is theirs. */
export function completionRoutes({ chats, feedback }: Stores): Routes {
  async function withFeedback(records: readonly CompletionRecord[]): Promise<Completion[]> {
    if (records.length === 0) return [];
    const events = await feedback.ofCompletions(records.map(({ id }) => id));
    return records.map((record) => presentCompletion(record, events));
  }

  async function pageOf(filter: CompletionFilter, request: PageRequest): Promise<Page<Completion>> {
    const { items, next } = await chats.list(filter, request);
    return { items: await withFeedback(items), next };
  }

  return (app) => {
    app.openapi(list, async (context) => {
      const { limit, cursor, order, ...query } = context.req.valid('query');
      const filter = toFilter(context.get('owner'), query);
      return context.json(await pageOf(filter, { limit, order, ...(cursor !== undefined && { cursor }) }), 200);
    });
    app.openapi(one, async (context) => {
      const { id } = context.req.valid('param');
      const record = await chats.get(id);
      if (record?.owner !== context.get('owner')) throw missing('completion', id);
      const [completion] = await withFeedback([record]);
      if (!completion) throw missing('completion', id);
      return context.json(completion, 200);
    });
    app.openapi(conversation, async (context) => {
      const { id } = context.req.valid('param');
      const { limit, cursor } = context.req.valid('query');
      const filter = { owner: context.get('owner'), conversationId: id };
      const found = await pageOf(filter, { limit, order: 'asc', ...(cursor !== undefined && { cursor }) });
      if (found.items.length === 0 && cursor === undefined) throw missing('conversation', id);
      return context.json({ id, ...found }, 200);
    });
  };
}

interface Query {
  rated?: boolean | undefined;
  provider?: string | undefined;
  model?: string | undefined;
  state?: CompletionRecord['state'] | undefined;
  conversation?: string | undefined;
  since?: number | undefined;
  until?: number | undefined;
}

function toFilter(owner: string, query: Query): CompletionFilter {
  return {
    owner,
    ...(query.rated !== undefined && { rated: query.rated }),
    ...(query.provider !== undefined && { providers: [query.provider] }),
    ...(query.model !== undefined && { models: [query.model] }),
    ...(query.state !== undefined && { states: [query.state] }),
    ...(query.conversation !== undefined && { conversationId: query.conversation }),
    ...(query.since !== undefined && { since: query.since }),
    ...(query.until !== undefined && { until: query.until }),
  };
}

function missing(what: string, id: string): RatchetError {
  return new RatchetError(
    'NotFound',
    `There is no ${what} "${id.slice(0, 200)}": GET /api/completions lists what there is.`,
  );
}
