import { createRoute, z } from '@hono/zod-openapi';
import type { Principal } from '../core/access.ts';
import { RatchetError } from '../core/errors.ts';
import type { CompletionFilter, CompletionRecord, EraseReport, Page, PageRequest, Store } from '../store/types.ts';
import { filterQuery, toFilter } from './completion-query.ts';
import type { Routes } from './context.ts';
import { dollars, isoTime, presentCompletion } from './present.ts';
import { visibleOwner } from './roles.ts';
import { completionRecord, json, pageQuery, problems } from './schemas.ts';

type Stores = Pick<Store, 'chats' | 'feedback'>;
type Completion = z.infer<typeof completionRecord>;

const page = z.object({ items: z.array(completionRecord), next: z.string().nullable() });
const shortPages =
  'A page may have fewer items than its limit before the end, when few completions match: go on with `next` until it is null.';

const list = createRoute({
  method: 'get',
  path: '/api/completions',
  tags: ['Completions'],
  description: shortPages,
  request: { query: z.object({ ...pageQuery, ...filterQuery }) },
  responses: { 200: json(page, 'Completions with their feedback'), ...problems },
});

const params = z.object({ id: z.string() });

const one = createRoute({
  method: 'get',
  path: '/api/completions/{id}',
  tags: ['Completions'],
  request: { params },
  responses: { 200: json(completionRecord, 'The completion with its feedback'), ...problems },
});

const erased = z
  .object({
    erased: z.int(),
    /** Still being answered: erase it when it is done. */
    open: z.int(),
    /** Digests of dataset versions that hold one of them. They stay: remove their files yourself. */
    datasets: z.array(z.string()),
  })
  .openapi('Erased');

const eraseOne = createRoute({
  method: 'delete',
  path: '/api/completions/{id}',
  tags: ['Completions'],
  summary: 'Erase what was said, for good; figures and ratings stay',
  request: { params },
  responses: { 200: json(erased, 'How much was erased'), ...problems },
});

const summary = z
  .object({
    id: z.string(),
    owner: z.string(),
    first_words: z.string().nullable(),
    completions: z.int(),
    models: z.array(z.string()),
    cost_usd: z.number().nullable(),
    first_at: z.string(),
    last_at: z.string(),
  })
  .openapi('Conversation');

const conversations = createRoute({
  method: 'get',
  path: '/api/conversations',
  tags: ['Completions'],
  summary: 'Conversations with a completion that meets the filter, the one with the latest first',
  description: shortPages,
  request: { query: z.object({ limit: pageQuery.limit, cursor: pageQuery.cursor, ...filterQuery }) },
  responses: {
    200: json(z.object({ items: z.array(summary), next: z.string().nullable() }), 'Conversations'),
    ...problems,
  },
});

const conversation = createRoute({
  method: 'get',
  path: '/api/conversations/{id}',
  tags: ['Completions'],
  request: { params, query: z.object({ limit: pageQuery.limit, cursor: pageQuery.cursor }) },
  responses: {
    200: json(
      z.object({ id: z.string(), items: z.array(completionRecord), next: z.string().nullable() }),
      'Its completions, oldest first',
    ),
    ...problems,
  },
});

const eraseConversation = createRoute({
  method: 'delete',
  path: '/api/conversations/{id}',
  tags: ['Completions'],
  summary: 'Erase what was said in a conversation, for good; figures and ratings stay',
  request: { params },
  responses: { 200: json(erased, 'How much was erased'), ...problems },
});

/** `/api/completions` and `/api/conversations`; `operate` sees and erases everybody's, others their own. */
export function completionRoutes(stores: Stores): Routes {
  return (app) => {
    readRoutes(stores)(app);
    eraseRoutes(stores)(app);
  };
}

function readRoutes({ chats, feedback }: Stores): Routes {
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
      const filter = toFilter(context.get('principal'), query);
      return context.json(await pageOf(filter, { limit, order, ...(cursor !== undefined && { cursor }) }), 200);
    });
    app.openapi(one, async (context) => {
      const { id } = context.req.valid('param');
      const record = await requireReadable(chats, context.get('principal'), id);
      const [completion] = await withFeedback([record]);
      if (!completion) throw missing('completion', id);
      return context.json(completion, 200);
    });
    app.openapi(conversations, async (context) => {
      const { limit, cursor, ...query } = context.req.valid('query');
      const filter = toFilter(context.get('principal'), query);
      const { items, next } = await chats.conversations(filter, { limit, ...(cursor !== undefined && { cursor }) });
      return context.json({ items: items.map(presentConversation), next }, 200);
    });
    app.openapi(conversation, async (context) => {
      const { id } = context.req.valid('param');
      const { limit, cursor } = context.req.valid('query');
      const filter = toFilter(context.get('principal'), { conversation: id });
      const found = await pageOf(filter, { limit, order: 'asc', ...(cursor !== undefined && { cursor }) });
      if (found.items.length === 0 && cursor === undefined) throw missing('conversation', id);
      return context.json({ id, ...found }, 200);
    });
  };
}

function eraseRoutes({ chats }: Stores): Routes {
  return (app) => {
    app.openapi(eraseOne, async (context) => {
      const { id } = context.req.valid('param');
      const record = await requireReadable(chats, context.get('principal'), id);
      if (record.state === 'open') {
        throw new RatchetError('Conflict', `The completion ${id} is still being answered: erase it when it is done.`);
      }
      return context.json(presentErased(await chats.erase({ completionId: id })), 200);
    });
    app.openapi(eraseConversation, async (context) => {
      const { id } = context.req.valid('param');
      const filter = toFilter(context.get('principal'), { conversation: id });
      const { items } = await chats.list(filter, { limit: 1 });
      if (items.length === 0) throw missing('conversation', id);
      const { owner } = filter;
      const report = await chats.erase({ conversationId: id, ...(owner !== undefined && { owner }) });
      return context.json(presentErased(report), 200);
    });
  };
}

async function requireReadable(chats: Stores['chats'], principal: Principal, id: string): Promise<CompletionRecord> {
  const record = await chats.get(id);
  if (!record || ![null, record.owner].includes(visibleOwner(principal))) throw missing('completion', id);
  return record;
}

function presentErased({ completions, open, datasets }: EraseReport) {
  return { erased: completions, open, datasets };
}

function presentConversation(
  record: Awaited<ReturnType<Stores['chats']['conversations']>>['items'][number],
): z.infer<typeof summary> {
  return {
    id: record.id,
    owner: record.owner,
    first_words: record.firstWords,
    completions: record.completions,
    models: record.models,
    cost_usd: dollars(record.costNanos),
    first_at: isoTime(record.firstAt),
    last_at: isoTime(record.lastAt),
  };
}

function missing(what: string, id: string): RatchetError {
  return new RatchetError(
    'NotFound',
    `There is no ${what} "${id.slice(0, 200)}": GET /api/completions lists what there is.`,
  );
}
