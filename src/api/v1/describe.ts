import { z } from '@hono/zod-openapi';
import type { Routes } from '../context.ts';
import { json, jsonObject, wireMessage } from '../schemas.ts';

type Api = Parameters<Routes>[0];

const errorShape = z
  .object({
    error: z.object({ message: z.string(), type: z.string(), param: z.string().nullable(), code: z.string() }),
  })
  .openapi('OpenAiError');
/** How a call on `/v1` fails. */
export const v1Failures = { default: json(errorShape, 'What went wrong and what to do') };

const common = {
  model: z.string().openapi({ description: '`active`, `provider/model`, or a name that a provider lists.' }),
  stream: z.boolean().optional(),
  store: z.boolean().optional().openapi({ description: 'With `false` only figures are kept of the call.' }),
  user: z.string().optional().openapi({ description: 'Who is behind the key: threads of two users never meet.' }),
};
const tokens = z.array(z.int());
const chat = z.looseObject({ ...common, messages: z.array(wireMessage) }).openapi('ChatRequest');
const text = z
  .looseObject({ ...common, prompt: z.union([z.string(), z.array(z.union([z.string(), tokens])), tokens]).optional() })
  .openapi('TextRequest');
const responses = z
  .looseObject({
    ...common,
    input: z.union([z.string(), z.array(jsonObject)]),
    instructions: z.string().nullish(),
    tools: z.array(z.looseObject({ type: z.literal('function'), name: z.string() })).nullish(),
    max_output_tokens: z.int().nullish(),
    previous_response_id: z.null().optional().openapi({
      description: 'Nothing is kept between calls: send the whole input. `x-conversation-id` goes on with a record.',
    }),
  })
  .openapi('ResponseRequest');
const embeddings = z
  .looseObject({
    ...common,
    stream: z.literal(false).optional(),
    input: z.union([z.string(), z.array(z.union([z.string(), tokens])), tokens]),
    encoding_format: z.enum(['float', 'base64']).optional(),
  })
  .openapi('EmbeddingsRequest');

const answerTo = {
  '/v1/chat/completions': [chat, "The provider's answer, or its chunks; its id takes feedback"],
  '/v1/completions': [text, "The provider's answer, or its chunks"],
  '/v1/responses': [responses, 'A Response made of the answer of a chat, or its events; its id takes feedback'],
  '/v1/embeddings': [embeddings, "The provider's answer; its vectors are not recorded"],
} as const;

/** Describes the routes of the door. Their bodies are not parsed by these schemas, so that unknown fields reach the provider. */
export function describeDoor(app: Api): void {
  for (const [path, [schema, description]] of Object.entries(answerTo)) {
    app.openAPIRegistry.registerPath({
      method: 'post',
      path,
      tags: ['OpenAI'],
      request: { body: { content: { 'application/json': { schema } } } },
      responses: { 200: json(jsonObject, description), ...v1Failures },
    });
  }
}
