import { createRoute, z } from '@hono/zod-openapi';
import { type GpuLease, endOf, leaseModes, leaseUses } from '../core/gpu.ts';
import type { Store } from '../store/types.ts';
import type { Routes } from './context.ts';
import { json, problems } from './schemas.ts';

const lease = z
  .object({
    host: z.string(),
    device: z.string().openapi({ description: '`gpu`, or `cpu` where training on the CPU takes a lease as well' }),
    cycle_id: z.string().nullable().openapi({ description: 'null of an estimate' }),
    step: z.enum(leaseUses),
    pid: z.int().openapi({ description: 'The process that holds it, on its machine' }),
    since: z.string(),
    until: z
      .string()
      .nullable()
      .openapi({ description: 'When its work is likely to be done; null while nobody knows' }),
    lapses: z.string().openapi({ description: 'It counts as given back then, unless its holder gives a sign of life' }),
  })
  .openapi('GpuLease');

const status = z.object({
  host: z.string().openapi({ description: 'The machine whose GPU the models of this process share' }),
  lease: z.enum(leaseModes),
  held: z.boolean().openapi({ description: 'Whether the models of this process keep away from the GPU now' }),
  items: z.array(lease),
});

const read = createRoute({
  method: 'get',
  path: '/api/gpu',
  tags: ['Health'],
  summary: 'Who has the GPU: the leases of this machine and of all others that share the database',
  responses: { 200: json(status, 'The leases that are held'), ...problems },
});

export interface GpuRouteDeps {
  store: Pick<Store, 'gpuLeases'>;
  /** How this process keeps away from the GPU. */
  gpu: { host: string; settings: () => { lease: (typeof leaseModes)[number] }; holder: () => GpuLease | null };
}

/** `GET /api/gpu`. */
export function gpuRoutes({ store, gpu }: GpuRouteDeps): Routes {
  return (app) => {
    app.openapi(read, async (context) => {
      const items = (await store.gpuLeases.held()).map(present);
      const held = gpu.holder() !== null;
      return context.json({ host: gpu.host, lease: gpu.settings().lease, held, items }, 200);
    });
  };
}

function present(one: GpuLease): z.infer<typeof lease> {
  const { host, device, cycleId, step, pid, acquiredAt, expiresAt } = one;
  const [since, lapses] = [acquiredAt, expiresAt].map((ms) => new Date(ms).toISOString()) as [string, string];
  return { host, device, cycle_id: cycleId, step, pid, since, until: endOf(one, Date.now()), lapses };
}
