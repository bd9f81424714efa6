import { createRoute, z } from '@hono/zod-openapi';
import type { JsonObject } from '../core/canonical.ts';
import { RatchetError } from '../core/errors.ts';
import type { AddFeedback, FeedbackInput } from '../feedback/add.ts';
import type { ChatStore } from '../store/types.ts';
import type { Routes } from './context.ts';
import { visibleOwner } from './roles.ts';
import { json, problems } from './schemas.ts';

const id = z.string().min(1).max(200);
const body = z
  .object({
    metric_name: z
      .string()
      .regex(/^[\w.-]{1,64}$/, 'name a metric with letters, digits, ".", "_" and "-"')
      .openapi({ description: '`comment`, `demonstration`, or a metric of your own.' }),
    value: z.unknown(),
    inference_id: id.optional().openapi({ description: 'The id of an answer.' }),
    episode_id: id.optional().openapi({ description: 'The id of a conversation: its newest answer is meant.' }),
    tags: z.record(z.string(), z.string()).default({}),
    dryrun: z.boolean().default(false),
  })
  .openapi('TensorZeroFeedback');

const add = createRoute({
  method: 'post',
  path: '/feedback',
  tags: ['Feedback'],
  summary: 'Feedback as TensorZero’s clients send it',
  request: { body: { required: true, content: { 'application/json': { schema: body } } } },
  responses: {
    200: json(z.object({ feedback_id: z.string().nullable() }), 'The event; null for a dry run'),
    ...problems,
  },
});

export interface TensorZeroDeps {
  addFeedback: AddFeedback;
  chats: Pick<ChatStore, 'get' | 'list'>;
}

/** `POST /feedback`: what TensorZero's clients send, as events of ours. */
export function tensorZeroRoutes({ addFeedback, chats }: TensorZeroDeps): Routes {
  return (app) => {
    app.openapi(add, async (context) => {
      const { inference_id: answer, episode_id: episode, ...rest } = context.req.valid('json');
      const principal = context.get('principal');
      const owner = visibleOwner(principal);
      if ((answer === undefined) === (episode === undefined)) {
        throw new RatchetError(
          'InvalidInput',
          'Feedback is about either an "inference_id" or an "episode_id": give one.',
        );
      }
      const completionId = answer ?? (await newestIn(chats, episode ?? '', owner));
      const input = { completionId, ...meaningOf(rest.metric_name, rest.value), ...tagsOf(rest.tags) };
      if (rest.dryrun) return context.json({ feedback_id: null }, 200);
      const { id: added } = await addFeedback(input, { rater: principal.owner, owner, source: 'tensorzero' });
      return context.json({ feedback_id: added }, 200);
    });
  };
}

async function newestIn(chats: TensorZeroDeps['chats'], conversationId: string, owner: string | null): Promise<string> {
  const filter = { conversationId, states: ['complete' as const], ...(owner !== null && { owner }) };
  const [newest] = (await chats.list(filter, { limit: 1, order: 'desc' })).items;
  if (newest) return newest.id;
  throw new RatchetError(
    'NotFound',
    `There is no conversation "${conversationId}" with an answer: use the id it was given.`,
  );
}

/**
 * A metric is a criterion of that name; one that is true or false is a thumb as well, and one in [0, 1] a score.
 * `comment` and `demonstration` are TensorZero's own names.
 */
function meaningOf(metric: string, value: unknown): Partial<FeedbackInput> {
  if (metric === 'comment') {
    if (typeof value === 'string') return { comment: value };
    throw wrongValue('a comment is a text');
  }
  if (metric === 'demonstration') return { correction: demonstrationOf(value) };
  if (typeof value === 'boolean') return { rating: value ? 1 : -1, criteria: { [metric]: value } };
  if (typeof value === 'number' && value >= 0 && value <= 1) return { score: value, criteria: { [metric]: value } };
  throw wrongValue('a metric is true, false, or a number from 0 to 1; scale others before you send them');
}

/** A text, or the content blocks of TensorZero. */
function demonstrationOf(value: unknown): string | JsonObject {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) {
    const texts = value.map((block: unknown) => blockText(block));
    if (texts.every((text) => text !== null)) return texts.join('');
  }
  throw wrongValue('a demonstration is a text, or a list of blocks of text');
}

function blockText(block: unknown): string | null {
  if (typeof block !== 'object' || block === null || !('type' in block) || block.type !== 'text') return null;
  const text = 'text' in block ? block.text : 'value' in block ? block.value : null;
  return typeof text === 'string' ? text : null;
}

/** TensorZero's tags are pairs. */
function tagsOf(tags: Readonly<Record<string, string>>): { tags?: string[] } {
  const pairs = Object.entries(tags).map(([name, value]) => `${name}=${value}`);
  return pairs.length === 0 ? {} : { tags: pairs };
}

function wrongValue(what: string): RatchetError {
  return new RatchetError('InvalidInput', `The value does not fit: ${what}.`, { details: { param: 'value' } });
}
