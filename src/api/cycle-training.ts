import { randomUUID } from 'node:crypto';
import { createRoute, z } from '@hono/zod-openapi';
import { type DeviceUse, type SharedGpu, onDevice } from '../activities/gpu/on-device.ts';
import { curveOf, pointFields } from '../core/curve.ts';
import { RatchetError } from '../core/errors.ts';
import type { TrainingEstimate } from '../core/job.ts';
import type { Recipe } from '../core/recipe.ts';
import { datasetFolder } from '../dataset/write.ts';
import { readEvents } from '../store/event-log.ts';
import type { DatasetRecord, Store } from '../store/types.ts';
import { type EstimateDeps, estimateTraining } from '../training/estimate.ts';
import { lessonOf } from '../training/lesson.ts';
import type { Routes } from './context.ts';
import { type RecipeFinders, recipeOf, startRequest } from './cycle-request.ts';
import { findDataset } from './dataset-tools.ts';
import { json, problems } from './schemas.ts';

export interface CycleTrainingDeps extends EstimateDeps, RecipeFinders {
  store: Pick<Store, 'cycles' | 'datasets' | 'gpuLeases'>;
  gpu: SharedGpu;
  datasetsDir: string;
}

const figure = z.number().nullable();
const curve = z
  .object({
    steps: z.int().nullable(),
    points: z.array(z.object(Object.fromEntries(pointFields.map((field) => [field, figure])))),
    validations: z.array(z.object({ step: z.int(), loss: figure })),
    early_stop: z.int().nullable(),
  })
  .openapi('TrainingCurve');

const curveRoute = createRoute({
  method: 'get',
  path: '/api/cycles/{id}/curve',
  tags: ['Cycles'],
  summary: 'Loss, rate, gradient norm, speed and memory of every step of a training, each step once',
  request: { params: z.object({ id: z.uuid('give the id of a cycle') }) },
  responses: { 200: json(curve, 'The series so far'), ...problems },
});

const estimate = z
  .object({
    dataset: z.string(),
    base: z.string(),
    device: z.enum(['cpu', 'cuda']),
    rows: z.int(),
    steps: z.int(),
    epochs: z.number(),
    tokens: z.int(),
    longest: z.int(),
    seconds: figure,
    tokens_per_second: figure,
    peak_memory_bytes: z.int(),
    free_memory_bytes: z.int().nullable(),
    fits: z.boolean(),
    reason: z.string().nullable(),
    micro_batch_size: z.int(),
    recompute: z.boolean(),
    packed: z.boolean(),
    combinations: z.int().openapi({ description: 'Trainings of the sweep; `seconds` is of all of them' }),
    refused: z.string().nullable().openapi({ description: 'Why the cycle would refuse to sweep' }),
  } satisfies Record<keyof TrainingEstimate | 'dataset' | 'base', z.ZodType>)
  .openapi('TrainingEstimate');

const estimateRoute = createRoute({
  method: 'post',
  path: '/api/cycles/estimate',
  tags: ['Cycles'],
  summary: 'What the training of a cycle would take: steps, tokens, seconds, memory, and whether it fits',
  description:
    'Takes what starts a cycle. Some steps are made on the base and the rows of a dataset version, and thrown away; `seconds` is extrapolated from them. The version is the newest of the recipe’s name unless given. It waits while something else trains.',
  request: {
    query: z.object({ dataset: z.string().optional() }),
    body: { required: true, content: { 'application/json': { schema: startRequest } } },
  },
  responses: { 200: json(estimate, 'The estimate'), ...problems },
});

/** `GET /api/cycles/:id/curve` and `POST /api/cycles/estimate`. */
export function cycleTrainingRoutes(deps: CycleTrainingDeps): Routes {
  return (app) => {
    app.openapi(curveRoute, async (context) => {
      const { id } = context.req.valid('param');
      if (!(await deps.store.cycles.get(id))) {
        throw new RatchetError('NotFound', `There is no cycle ${id}: GET /api/cycles lists them.`);
      }
      const events = await readEvents(deps.dataDir, id, 0);
      return context.json(curveOf(events.map(({ event }) => event)), 200);
    });
    app.openapi(estimateRoute, async (context) => {
      const recipe = await recipeOf(context.req.valid('json'), deps);
      const version = await versionOf(deps, recipe, context.req.valid('query').dataset);
      const folder = datasetFolder(deps.datasetsDir, version.name, version.digest);
      const lesson = lessonOf(recipe, version.manifest, folder);
      const found = await onDevice(deps, await useOf(deps, recipe, context.req.raw.signal), ({ signal }) =>
        estimateTraining(deps, { recipe, lesson, signal }),
      );
      return context.json({ ...pick(found), dataset: version.digest, base: recipe.base }, 200);
    });
  };
}

/** An estimate wants the GPU for itself as a training does, or it would find less memory and be slower. */
async function useOf(deps: CycleTrainingDeps, { base, train }: Recipe, signal: AbortSignal): Promise<DeviceUse> {
  return {
    owner: `estimate ${randomUUID()}`,
    cycleId: null,
    step: 'estimate',
    device: train.device,
    base: await deps.baseFolder(base),
    signal,
    report: () => undefined,
  };
}

/** The result without the fields of the line that brought it. */
function pick(result: TrainingEstimate): TrainingEstimate {
  const { event: _, ...kept } = result as TrainingEstimate & { event?: string };
  return kept;
}

const pageSize = 200;

/** A version by its digest, or the newest of the recipe's name that lost no rows. */
async function versionOf(
  { store }: CycleTrainingDeps,
  { name }: Recipe,
  digest: string | undefined,
): Promise<DatasetRecord> {
  if (digest !== undefined) return findDataset(store, digest);
  let cursor: string | null = null;
  do {
    const page = await store.datasets.list({ limit: pageSize, order: 'desc', ...(cursor !== null && { cursor }) });
    const found = page.items.find((version) => version.name === name && version.redacted === null);
    if (found) return found;
    cursor = page.next;
  } while (cursor !== null);
  throw new RatchetError(
    'NotFound',
    `No dataset version of "${name}" has been built yet: name one with dataset=<digest>, or start the cycle, which tells how long it takes once it trains.`,
  );
}
