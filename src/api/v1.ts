import { z } from '@hono/zod-openapi';
import { bodyLimit } from 'hono/body-limit';
import { RatchetError } from '../core/errors.ts';
import type { ChatReply, Gateway } from '../gateway/chat.ts';
import type { Routes } from './context.ts';
import { json, jsonObject, wireMessage } from './schemas.ts';

const largestBody = 32 * 2 ** 20;

/** The OpenAI-compatible routes. Bodies are not parsed by a schema, so that unknown fields reach the provider. */
export function v1Routes(gateway: Gateway): Routes {
  return (app) => {
    app.use('/v1/*', bodyLimit({ maxSize: largestBody, onError: tooLarge }));
    app.post('/v1/chat/completions', async (context) => {
      const body = parseBody(await context.req.text());
      const reply = await gateway.chat({
        body,
        owner: context.get('owner'),
        conversationId: context.req.header('x-conversation-id'),
        signal: context.req.raw.signal,
      });
      return new Response(reply.body, { headers: replyHeaders(reply, context.get('requestId')) });
    });
    app.get('/v1/models', async (context) =>
      context.json({ object: 'list', data: await listModels(gateway, context.req.raw.signal) }),
    );
    app.get('/v1/models/:ref{.+}', async (context) => {
      const ref = context.req.param('ref');
      const model = (await listModels(gateway, context.req.raw.signal)).find(({ id }) => id === ref);
      if (!model)
        throw new RatchetError('NotFound', `There is no model "${ref.slice(0, 200)}": GET /v1/models lists them.`);
      return context.json(model);
    });
    describe(app);
  };
}

interface ModelEntry {
  id: string;
  object: 'model';
  created: number;
  owned_by: string;
}

async function listModels({ resolver }: Gateway, signal: AbortSignal): Promise<ModelEntry[]> {
  const [active, { refs }] = await Promise.all([resolver.active(), resolver.listRefs(signal)]);
  const entry = (id: string, owner: string): ModelEntry => ({ id, object: 'model', created: 0, owned_by: owner });
  return [
    ...(active === null ? [] : [entry('active', 'ratchet')]),
    ...refs.map((ref) => entry(ref, ref.slice(0, ref.indexOf('/')))),
  ];
}

function parseBody(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new RatchetError('InvalidInput', 'The body is not JSON: send a chat completion request.', { cause: error });
  }
}

function replyHeaders(reply: ChatReply, requestId: string): Record<string, string> {
  const streams = typeof reply.body !== 'string';
  return {
    'content-type': streams ? 'text/event-stream; charset=utf-8' : 'application/json',
    'cache-control': 'no-cache',
    ...(streams && { 'x-accel-buffering': 'no' }),
    'x-request-id': requestId,
    'x-conversation-id': reply.conversationId,
    'x-ratchet-completion-id': reply.completionId,
    'x-ratchet-provider': encodeURI(reply.provider),
    'x-ratchet-model': encodeURI(reply.model),
  };
}

function tooLarge(): never {
  throw new RatchetError('InvalidInput', 'The body is larger than 32 MB: send less at a time.', {
    details: { httpStatus: 413 },
  });
}

function describe(app: Parameters<Routes>[0]): void {
  const errorShape = z
    .object({
      error: z.object({ message: z.string(), type: z.string(), param: z.string().nullable(), code: z.string() }),
    })
    .openapi('OpenAiError');
  const failures = { default: json(errorShape, 'What went wrong and what to do') };
  const chat = z
    .looseObject({
      model: z.string().openapi({ description: '`active`, `provider/model`, or a name that a provider lists.' }),
      messages: z.array(wireMessage),
      stream: z.boolean().optional(),
      store: z.boolean().optional().openapi({ description: 'With `false` only figures are kept of the chat.' }),
    })
    .openapi('ChatRequest');
  const model = z.object({ id: z.string(), object: z.literal('model'), created: z.int(), owned_by: z.string() });
  app.openAPIRegistry.registerPath({
    method: 'post',
    path: '/v1/chat/completions',
    tags: ['OpenAI'],
    request: { body: { content: { 'application/json': { schema: chat } } } },
    responses: { 200: json(jsonObject, "The provider's answer; its id takes feedback"), ...failures },
  });
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/v1/models',
    tags: ['OpenAI'],
    responses: { 200: json(z.object({ object: z.literal('list'), data: z.array(model) }), 'Model refs'), ...failures },
  });
}
