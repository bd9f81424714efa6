import { z } from '@hono/zod-openapi';
import { RatchetError } from '../../core/errors.ts';
import type { Gateway } from '../../gateway/gateway.ts';
import type { Routes } from '../context.ts';
import { factsView, presentFacts } from '../health-facts.ts';
import { json } from '../schemas.ts';
import { describeDoor, v1Failures } from './describe.ts';

/** Lists the models, and describes the routes of the door: their bodies are not parsed by a schema. */
export function v1Routes(gateway: Gateway): Routes {
  return (app) => {
    app.get('/v1/models', async (context) => context.json({ object: 'list', data: await listModels(gateway) }));
    app.get('/v1/models/:ref{.+}', async (context) => {
      const ref = context.req.param('ref');
      const model = (await listModels(gateway)).find(({ id }) => id === ref);
      if (!model)
        throw new RatchetError('NotFound', `There is no model "${ref.slice(0, 200)}": GET /v1/models lists them.`);
      return context.json(model);
    });
    describe(app);
  };
}

/** A model in OpenAI's form. What we know of it is in a field of its own, which clients of OpenAI pass over. */
const modelEntry = z.object({
  id: z.string(),
  object: z.literal('model'),
  created: z.int(),
  owned_by: z.string(),
  ratchet: factsView.extend({ provider: z.string(), locality: z.enum(['local', 'remote']) }).optional(),
});
type ModelEntry = z.infer<typeof modelEntry>;

async function listModels(gateway: Gateway): Promise<ModelEntry[]> {
  const { resolver, policy } = gateway;
  const active = resolver.active();
  const { refs } = await resolver.listRefs();
  const entry = (id: string, owner: string): ModelEntry => ({ id, object: 'model', created: 0, owned_by: owner });
  return [
    ...(active === null ? [] : [{ ...entry('active', 'ratchet'), ...knownOf(gateway, active) }]),
    ...policy.routes().map((name) => entry(name, 'ratchet')),
    ...refs.map((ref) => ({ ...entry(ref, ref.slice(0, ref.indexOf('/'))), ...knownOf(gateway, ref) })),
  ];
}

function knownOf({ resolver, capabilities }: Gateway, ref: string): Pick<ModelEntry, 'ratchet'> {
  const route = capabilities && resolver.find(ref);
  if (!route) return {};
  const { name, locality } = route.provider;
  return { ratchet: { provider: name, locality, ...presentFacts(capabilities.facts(route.provider, route.model)) } };
}

function describe(app: Parameters<Routes>[0]): void {
  describeDoor(app);
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/v1/models',
    tags: ['OpenAI'],
    responses: {
      200: json(z.object({ object: z.literal('list'), data: z.array(modelEntry) }), 'Model refs'),
      ...v1Failures,
    },
  });
}
