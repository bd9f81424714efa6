import { z } from '@hono/zod-openapi';
import { RatchetError } from '../../core/errors.ts';
import type { Gateway } from '../../gateway/gateway.ts';
import type { Routes } from '../context.ts';
import { json } from '../schemas.ts';
import { describeDoor, v1Failures } from './describe.ts';

/** Lists the models, and describes the routes of the door: their bodies are not parsed by a schema. */
export function v1Routes(gateway: Gateway): Routes {
  return (app) => {
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

async function listModels({ resolver, policy }: Gateway, signal: AbortSignal): Promise<ModelEntry[]> {
  const active = resolver.active();
  const { refs } = await resolver.listRefs(signal);
  const entry = (id: string, owner: string): ModelEntry => ({ id, object: 'model', created: 0, owned_by: owner });
  return [
    ...(active === null ? [] : [entry('active', 'ratchet')]),
    ...policy.routes().map((name) => entry(name, 'ratchet')),
    ...refs.map((ref) => entry(ref, ref.slice(0, ref.indexOf('/')))),
  ];
}

function describe(app: Parameters<Routes>[0]): void {
  describeDoor(app);
  const model = z.object({ id: z.string(), object: z.literal('model'), created: z.int(), owned_by: z.string() });
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/v1/models',
    tags: ['OpenAI'],
    responses: {
      200: json(z.object({ object: z.literal('list'), data: z.array(model) }), 'Model refs'),
      ...v1Failures,
    },
  });
}
