import { createRoute, z } from '@hono/zod-openapi';
import { RatchetError } from '../core/errors.ts';
import type { WireMessage } from '../core/message.ts';
import { checkPrompt, renderPrompt } from '../core/prompt.ts';
import type { PromptRecord, PromptStore } from '../store/prompt-types.ts';
import type { Routes } from './context.ts';
import { isoTime } from './present.ts';
import { json, problems, wireMessage } from './schemas.ts';

const value = z.union([z.string(), z.number(), z.boolean()]);
const variables = z.record(
  z.string().regex(/^[A-Za-z_]\w{0,63}$/, 'name a variable with letters, digits and "_"'),
  z.strictObject({ description: z.string().max(1_000).optional(), default: value.optional() }),
);

const promptBody = z
  .strictObject({
    /** One text is a system message. */
    template: z.string().min(1).max(200_000).optional(),
    messages: z.array(wireMessage).min(1).max(200).optional(),
    variables: variables.default({}),
    description: z.string().max(1_000).nullable().default(null),
  })
  .openapi('NewPrompt');

const promptView = z
  .object({
    name: z.string(),
    version: z.int(),
    description: z.string().nullable(),
    messages: z.array(wireMessage),
    variables,
    author: z.string(),
    created_at: z.string(),
  })
  .openapi('Prompt');

const name = z
  .string()
  .regex(/^[\w.-]{1,100}$/, 'name a prompt with letters, digits, ".", "_" and "-"')
  .openapi({ param: { name: 'name', in: 'path' } });
const params = z.object({ name });
const version = z.coerce.number().int().min(1).optional();

const list = createRoute({
  method: 'get',
  path: '/api/prompts',
  tags: ['Prompts'],
  summary: 'The newest version of every prompt template, by name',
  responses: { 200: json(z.object({ items: z.array(promptView) }), 'The templates'), ...problems },
});

const read = createRoute({
  method: 'get',
  path: '/api/prompts/{name}',
  tags: ['Prompts'],
  summary: 'One template, the newest version unless one is named',
  request: { params, query: z.object({ version }) },
  responses: { 200: json(promptView, 'The template'), ...problems },
});

const versions = createRoute({
  method: 'get',
  path: '/api/prompts/{name}/versions',
  tags: ['Prompts'],
  summary: 'Every version of a template, newest first',
  request: { params },
  responses: { 200: json(z.object({ items: z.array(promptView) }), 'Its versions'), ...problems },
});

const put = createRoute({
  method: 'put',
  path: '/api/prompts/{name}',
  tags: ['Prompts'],
  summary: 'Add a version; the newest one is given back where it says the same',
  request: { params, body: { required: true, content: { 'application/json': { schema: promptBody } } } },
  responses: { 200: json(promptView, 'The version'), ...problems },
});

const remove = createRoute({
  method: 'delete',
  path: '/api/prompts/{name}',
  tags: ['Prompts'],
  summary: 'Remove every version; chats keep what was said',
  request: { params },
  responses: { 200: json(z.object({ removed: z.string() }), 'What was removed'), ...problems },
});

const render = createRoute({
  method: 'post',
  path: '/api/prompts/{name}/render',
  tags: ['Prompts'],
  summary: 'The messages that a model would get',
  request: {
    params,
    body: {
      required: true,
      content: {
        'application/json': { schema: z.strictObject({ version, variables: z.record(z.string(), value).default({}) }) },
      },
    },
  },
  responses: {
    200: json(z.object({ name: z.string(), version: z.int(), messages: z.array(wireMessage) }), 'The messages'),
    ...problems,
  },
});

/** `/api/prompts`. */
export function promptRoutes({ prompts }: { prompts: PromptStore }): Routes {
  const existing = async (asked: string, wanted?: number): Promise<PromptRecord> => {
    const found = await prompts.get(asked, wanted);
    if (found) return found;
    const what = wanted === undefined ? `prompt "${asked}"` : `version ${wanted} of the prompt "${asked}"`;
    throw new RatchetError('NotFound', `There is no ${what}: GET /api/prompts lists them.`);
  };

  return (app) => {
    app.openapi(list, async (context) => context.json({ items: (await prompts.list()).map(viewOf) }, 200));
    app.openapi(read, async (context) => {
      const found = await existing(context.req.valid('param').name, context.req.valid('query').version);
      return context.json(viewOf(found), 200);
    });
    app.openapi(versions, async (context) => {
      const asked = context.req.valid('param').name;
      await existing(asked);
      return context.json({ items: (await prompts.versions(asked)).map(viewOf) }, 200);
    });
    app.openapi(put, async (context) => {
      const { template, messages, variables: declared, description } = context.req.valid('json');
      if ((template === undefined) === (messages === undefined)) {
        throw new RatchetError('InvalidInput', 'A prompt has either "template", one text, or "messages".');
      }
      const said = messages ?? [{ role: 'system', content: template }];
      const checked = checkPrompt({
        messages: said as unknown as WireMessage[],
        variables: declared,
      });
      const added = await prompts.add({
        name: context.req.valid('param').name,
        description,
        author: context.get('owner'),
        ...checked,
      });
      return context.json(viewOf(added), 200);
    });
    app.openapi(remove, async (context) => {
      const asked = context.req.valid('param').name;
      if (!(await prompts.remove(asked))) await existing(asked);
      return context.json({ removed: asked }, 200);
    });
    app.openapi(render, async (context) => {
      const { version: wanted, variables: values } = context.req.valid('json');
      const found = await existing(context.req.valid('param').name, wanted);
      const messages = renderPrompt(found, values);
      return context.json({ name: found.name, version: found.version, messages }, 200);
    });
  };
}

function viewOf(prompt: PromptRecord): z.infer<typeof promptView> {
  return {
    name: prompt.name,
    version: prompt.version,
    description: prompt.description,
    messages: prompt.messages,
    variables: prompt.variables,
    author: prompt.author,
    created_at: isoTime(prompt.createdAt),
  };
}
