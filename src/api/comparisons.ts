import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { JsonObject } from '../core/canonical.ts';
import { standing } from '../core/feedback.ts';
import { RatchetError, asRatchetError } from '../core/errors.ts';
import type { AddFeedback } from '../feedback/add.ts';
import {
  type Answered,
  type Audience,
  type CompareDeps,
  type CompareRequest,
  compare,
  mostContestants,
} from '../gateway/comparing/compare.ts';
import { openAiError } from '../gateway/openai-error.ts';
import type { ComparisonRecord, ComparisonStore, FeedbackRecord, FeedbackStore } from '../store/types.ts';
import type { AppEnv, Routes } from './context.ts';
import { isoTime, presentFeedback } from './present.ts';
import { visibleOwner } from './roles.ts';
import { feedbackRecord, json, jsonObject, pageQuery, problems, wireMessage } from './schemas.ts';

export interface ComparisonDeps extends CompareDeps {
  comparisons: ComparisonStore;
  feedback: Pick<FeedbackStore, 'ofCompletions'>;
  addFeedback: AddFeedback;
}

const contestant = z.union([
  z.string().min(1).max(300),
  z.looseObject({ model: z.string().min(1).max(300) }).openapi({
    description: 'A model with fields of its own, such as `temperature`.',
  }),
]);

const body = z
  .looseObject({
    models: z.array(contestant).min(2).max(mostContestants),
    messages: z.array(wireMessage).min(1),
    stream: z.boolean().default(false),
    blind: z.boolean().default(false).openapi({
      description:
        'Keeps the names of the models back until one is chosen, and puts the answers into an order by chance.',
    }),
    conversation_id: z
      .string()
      .regex(/^[\w.:-]{1,200}$/)
      .optional()
      .openapi({ description: 'Goes on with this conversation.' }),
  })
  .openapi('NewComparison', { description: 'Every other field is one of a chat completion, and goes to each model.' });

const answerView = z.object({
  index: z.int(),
  model: z.string().nullable(),
  completion_id: z.string().nullable(),
  message: wireMessage.nullable(),
  finish_reason: z.string().nullable(),
  usage: jsonObject.nullable(),
  error: jsonObject.nullable(),
  first_token_ms: z.number().nullable(),
  duration_ms: z.number(),
});

const comparisonView = z
  .object({
    id: z.string(),
    conversation_id: z.string(),
    blind: z.boolean(),
    answers: z.array(answerView),
    created_at: z.string(),
  })
  .openapi('Comparison');

const listedView = z.object({
  id: z.string(),
  conversation_id: z.string(),
  owner: z.string(),
  blind: z.boolean(),
  /** Of a blind one, the models are told when somebody has chosen. */
  answers: z.array(
    z.object({
      index: z.int(),
      model: z.string().nullable(),
      completion_id: z.string().nullable(),
      answered: z.boolean(),
    }),
  ),
  /** What was chosen, the last one last. `answer` is null for a tie. */
  choices: z.array(z.object({ answer: z.int().nullable(), rater: z.string(), created_at: z.string() })),
  created_at: z.string(),
});

const create = createRoute({
  method: 'post',
  path: '/api/comparisons',
  tags: ['Comparisons'],
  summary: 'Ask several models the same, side by side',
  description:
    'With `stream: true` the events are `answer.chunk` {index, model, chunk}, `answer.done` and `comparison.done`, which has what the answer without a stream has.',
  request: { body: { required: true, content: { 'application/json': { schema: body } } } },
  responses: { 200: json(comparisonView, 'The answers, in the order of the models'), ...problems },
});

const list = createRoute({
  method: 'get',
  path: '/api/comparisons',
  tags: ['Comparisons'],
  summary: 'Comparisons, newest first',
  request: { query: z.object(pageQuery) },
  responses: {
    200: json(z.object({ items: z.array(listedView), next: z.string().nullable() }), 'A page of comparisons'),
    ...problems,
  },
});

const params = z.object({ id: z.string().min(1).max(100) });

const read = createRoute({
  method: 'get',
  path: '/api/comparisons/{id}',
  tags: ['Comparisons'],
  summary: 'One comparison; its answers are completions',
  request: { params },
  responses: { 200: json(listedView, 'The comparison'), ...problems },
});

const choiceBody = z
  .strictObject({
    answer: z
      .int()
      .min(0)
      .nullable()
      .openapi({ description: 'Index of the better answer; null when they are as good.' }),
    comment: z.string().optional(),
    tags: z.array(z.string()).optional(),
  })
  .openapi('NewChoice');

const choose = createRoute({
  method: 'post',
  path: '/api/comparisons/{id}/choice',
  tags: ['Comparisons'],
  summary: 'Choose the better answer: a preference over the others',
  request: { params, body: { required: true, content: { 'application/json': { schema: choiceBody } } } },
  responses: {
    201: json(z.object({ feedback: feedbackRecord, models: z.array(z.string()) }), 'The preference, and who answered'),
    ...problems,
  },
});

/** `/api/comparisons`. */
export function comparisonRoutes(deps: ComparisonDeps): Routes {
  const visible = async (id: string, owner: string | null): Promise<ComparisonRecord> => {
    const found = await deps.comparisons.get(id);
    if (found && (owner === null || found.owner === owner)) return found;
    throw new RatchetError('NotFound', `There is no comparison "${id}": GET /api/comparisons lists them.`);
  };

  return (app) => {
    app.openapi(create, async (context) => {
      const sent = context.req.valid('json');
      const request = requestOf(sent, context);
      if (sent.stream) return streamed(deps, request, context) as never;
      const { comparison, answers } = await compare(deps, request, silentAudience(context.req.raw.signal));
      return context.json(viewOf(comparison, answers), 200);
    });
    app.openapi(list, async (context) => {
      const { limit, cursor, order } = context.req.valid('query');
      const owner = visibleOwner(context.get('principal'));
      const page = await deps.comparisons.list(owner === null ? {} : { owner }, {
        limit,
        order,
        ...(cursor !== undefined && { cursor }),
      });
      return context.json({ items: await listed(deps, page.items), next: page.next }, 200);
    });
    app.openapi(read, async (context) => {
      const { id } = context.req.valid('param');
      const comparison = await visible(id, visibleOwner(context.get('principal')));
      const [view] = await listed(deps, [comparison]);
      return context.json(view ?? listedOf(comparison, []), 200);
    });
    app.openapi(choose, async (context) => {
      const principal = context.get('principal');
      const owner = visibleOwner(principal);
      const comparison = await visible(context.req.valid('param').id, owner);
      const { answer, ...rest } = context.req.valid('json');
      const feedback = await deps.addFeedback(
        { ...preferenceOf(comparison, answer), ...rest },
        { rater: principal.owner, owner, source: 'api' },
      );
      const models = comparison.answers.map(({ model }) => model);
      return context.json({ feedback: presentFeedback(feedback), models }, 201);
    });
  };
}

function requestOf(sent: z.infer<typeof body>, context: Context<AppEnv>): CompareRequest {
  const { models, stream: _stream, blind, conversation_id: conversationId, ...rest } = sent;
  const fields = rest as unknown as JsonObject;
  if (fields.n !== undefined && fields.n !== 1) {
    throw new RatchetError('InvalidInput', 'A comparison asks each model for one answer: leave "n" out.', {
      details: { param: 'n' },
    });
  }
  const contestants = models.map((one) => {
    if (typeof one === 'string') return { model: one, fields: {} };
    const { model, ...own } = one;
    return { model, fields: own as JsonObject };
  });
  return {
    principal: context.get('principal'),
    contestants: blind ? shuffled(contestants) : contestants,
    body: fields,
    blind,
    traceparent: context.req.header('traceparent'),
    ...(conversationId !== undefined && { conversationId }),
  };
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/** Whoever waits for all answers at once. */
function silentAudience(signal: AbortSignal): Audience {
  return {
    chunk: () => true,
    done: () => undefined,
    onDrain: () => undefined,
    onGone: (callback) => {
      if (signal.aborted) callback();
      else signal.addEventListener('abort', callback, { once: true });
    },
  };
}

/** How much may wait for a slow client before the models are made to wait, in characters. */
const mostWaiting = 256 * 1024;

function streamed(deps: CompareDeps, request: CompareRequest, context: Context<AppEnv>): Response {
  return streamSSE(context, async (stream) => {
    const draining: (() => void)[] = [];
    let waiting = 0;
    let last: Promise<void> = Promise.resolve();
    const send = (event: string, value: unknown): boolean => {
      const data = JSON.stringify(value);
      waiting += data.length;
      last = sendAfter(last, event, data);
      return waiting <= mostWaiting;
    };
    async function sendAfter(before: Promise<void>, event: string, data: string): Promise<void> {
      await before;
      await stream.writeSSE({ event, data });
      const wasFull = waiting > mostWaiting;
      waiting -= data.length;
      if (!wasFull || waiting > mostWaiting) return;
      for (const callback of draining) callback();
    }
    const modelOf = (index: number): string | null =>
      request.blind ? null : (request.contestants[index]?.model ?? null);
    const audience: Audience = {
      chunk: (index, chunk) =>
        send('answer.chunk', { index, model: modelOf(index), chunk: request.blind ? withoutModel(chunk) : chunk }),
      done: (answer) => void send('answer.done', answerOf(answer, request.blind)),
      onDrain: (callback) => void draining.push(callback),
      onGone: (callback) => stream.onAbort(callback),
    };
    try {
      const { comparison, answers } = await compare(deps, request, audience);
      send('comparison.done', viewOf(comparison, answers));
    } catch (thrown) {
      send('error', openAiError(asRatchetError(thrown)).body);
    }
    await last;
  });
}

function withoutModel({ model: _model, system_fingerprint: _fingerprint, ...chunk }: JsonObject): JsonObject {
  return chunk;
}

function viewOf(comparison: ComparisonRecord, answers: readonly Answered[]): z.infer<typeof comparisonView> {
  return {
    id: comparison.id,
    conversation_id: comparison.conversationId,
    blind: comparison.blind,
    answers: answers.map((answer) => answerOf(answer, comparison.blind)),
    created_at: isoTime(comparison.createdAt),
  };
}

function answerOf(answer: Answered, blind: boolean): z.infer<typeof answerView> {
  const [choice] = answer.choices;
  return {
    index: answer.index,
    model: blind ? null : answer.model,
    completion_id: answer.completionId,
    message: choice?.message ?? null,
    finish_reason: choice?.finishReason ?? null,
    usage: answer.usage,
    error: answer.error,
    first_token_ms: answer.firstTokenMs,
    duration_ms: answer.durationMs,
  };
}

type Choice = z.infer<typeof listedView>['choices'][number];

async function listed(
  { feedback }: Pick<ComparisonDeps, 'feedback'>,
  comparisons: readonly ComparisonRecord[],
): Promise<z.infer<typeof listedView>[]> {
  const ids = comparisons.flatMap(({ answers }) => answers.flatMap(({ completionId }) => completionId ?? []));
  const events = await feedback.ofCompletions(ids);
  return comparisons.map((comparison) => listedOf(comparison, choicesAmong(comparison, events)));
}

function choicesAmong({ answers }: ComparisonRecord, events: readonly FeedbackRecord[]): Choice[] {
  return standing(events).flatMap(({ completionId, over, tiedWith, rater, createdAt }) => {
    const answer = answers.findIndex((one) => one.completionId === completionId);
    if (answer === -1 || (!over && !tiedWith)) return [];
    return [{ answer: over ? answer : null, rater, created_at: isoTime(createdAt) }];
  });
}

function listedOf(comparison: ComparisonRecord, choices: Choice[]): z.infer<typeof listedView> {
  const hidden = comparison.blind && choices.length === 0;
  return {
    id: comparison.id,
    conversation_id: comparison.conversationId,
    owner: comparison.owner,
    blind: comparison.blind,
    answers: comparison.answers.map(({ model, completionId, answered }, index) => ({
      index,
      model: hidden ? null : model,
      completion_id: completionId,
      answered,
    })),
    choices,
    created_at: isoTime(comparison.createdAt),
  };
}

/** A choice among answers as feedback: on the chosen one, over the others; a tie is on the first. */
function preferenceOf(comparison: ComparisonRecord, chosen: number | null) {
  const given = comparison.answers.flatMap(({ completionId, answered }, index) =>
    completionId === null || !answered ? [] : [{ completionId, index }],
  );
  const best = chosen === null ? given[0] : given.find(({ index }) => index === chosen);
  if (!best) {
    if (given.length === 0) {
      throw new RatchetError('Conflict', 'No model has answered in this comparison: there is nothing to choose.');
    }
    const known = given.map(({ index }) => index).join(', ') || 'none';
    throw new RatchetError('InvalidInput', `The comparison has no answer ${chosen} to choose: it has ${known}.`, {
      details: { param: 'answer' },
    });
  }
  if (given.length < 2) {
    throw new RatchetError('Conflict', 'Only one model has answered in this comparison: rate that answer instead.');
  }
  const others = given.filter((one) => one !== best).map(({ completionId }) => ({ completionId }));
  return { completionId: best.completionId, ...(chosen === null ? { tiedWith: others } : { over: others }) };
}
