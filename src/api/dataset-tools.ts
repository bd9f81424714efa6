import { createRoute, z } from '@hono/zod-openapi';
import { splits } from '../core/dataset.ts';
import { RatchetError } from '../core/errors.ts';
import { recipeSchema } from '../core/recipe.ts';
import { changes, diffVersions } from '../dataset/diff.ts';
import { leftOutOf } from '../dataset/left-out.ts';
import type { PreviewDeps } from '../dataset/preview.ts';
import { datasetFolder } from '../dataset/write.ts';
import type { DatasetRecord, Store } from '../store/types.ts';
import type { Routes } from './context.ts';
import { json, problems } from './schemas.ts';

export interface DatasetToolDeps extends Omit<PreviewDeps, 'store'> {
  store: PreviewDeps['store'] & Pick<Store, 'datasets'>;
}

const digest = z.string().regex(/^[0-9a-f]{64}$/, 'give the whole digest of a dataset version');
const split = z.enum(splits).nullable();
const counts = z.record(z.string(), z.int());

/** What one stage of a build did, as the API tells it. */
export const stageCounts = z.object({
  stage: z.string(),
  in: z.int(),
  out: z.int(),
  dropped: counts,
  changed: counts.optional(),
  samples: z.record(z.string(), z.array(z.string())).optional(),
});

/** What a leak check found. */
export const leakCheck = z.object({
  nodes: z.int(),
  prompts: z.int(),
  corrections: z.int(),
  pairs: z.int(),
  jaccard: z.number(),
  closest: z.object({ jaccard: z.number(), a: z.string(), b: z.string() }).nullable(),
});

const previewRoute = createRoute({
  method: 'post',
  path: '/api/datasets/preview',
  tags: ['Datasets'],
  summary: 'What each stage of a build would do with the oldest rated answers; nothing is written',
  request: {
    query: z.object({ limit: z.coerce.number().int().min(1).max(2000).default(500) }),
    body: { required: true, content: { 'application/json': { schema: recipeSchema } } },
  },
  responses: {
    200: json(
      z
        .object({
          examples: z.int(),
          more: z.boolean(),
          stages: z.array(stageCounts),
          changes: z.array(z.object({ stage: z.string(), id: z.string(), before: z.string(), after: z.string() })),
          rows: z.object({ train: z.int(), val: z.int(), test: z.int() }),
          leaks: leakCheck.nullable(),
          /** How many prompts the base would be asked beside; null where nothing is replayed. */
          replay: z.int().nullable(),
          withheld: z.array(z.string()),
        })
        .openapi('DatasetPreview'),
      'Counts of every stage, with samples',
    ),
    ...problems,
  },
});

const change = z.object({
  id: z.string(),
  change: z.enum(changes),
  reason: z.string().nullable(),
  from: split,
  to: split,
});

const diffRoute = createRoute({
  method: 'get',
  path: '/api/datasets/{digest}/diff',
  tags: ['Datasets'],
  summary: 'What is another in this version than in an earlier one, and why',
  request: {
    params: z.object({ digest }),
    query: z.object({ against: digest, limit: z.coerce.number().int().min(0).max(1000).default(20) }),
  },
  responses: {
    200: json(
      z
        .object({
          added: z.int(),
          removed: z.int(),
          moved: z.int(),
          changed: z.int(),
          same: z.int(),
          reasons: counts,
          examples: z.array(change),
        })
        .openapi('DatasetDiff'),
      'Counts by reason, and the first changes',
    ),
    ...problems,
  },
});

const leftOutRoute = createRoute({
  method: 'get',
  path: '/api/datasets/{digest}/left-out',
  tags: ['Datasets'],
  summary: 'What was collected for a version and is not in it, with the stage that left it out, and why',
  request: {
    params: z.object({ digest }),
    query: z.object({
      reason: z.string().max(100).optional().openapi({ description: 'Only for this reason, as the stages name it.' }),
      completion: z.string().max(200).optional().openapi({ description: 'Only answers of this completion.' }),
      limit: z.coerce.number().int().min(0).max(1000).default(20),
    }),
  },
  responses: {
    200: json(
      z
        .object({
          reasons: counts,
          items: z.array(
            z.object({ id: z.string(), stage: z.string(), reason: z.string(), of: z.string().optional() }),
          ),
        })
        .openapi('DatasetLeftOut'),
      'Counts by reason, and the first of them',
    ),
    ...problems,
  },
});

/** `POST /api/datasets/preview`, `GET /api/datasets/:digest/diff` and `GET /api/datasets/:digest/left-out`. */
export function datasetToolRoutes(deps: DatasetToolDeps): Routes {
  return (app) => {
    app.openapi(previewRoute, async (context) => {
      // Only who previews needs the stages, which bring the numbering plans of all countries.
      const { previewBuild } = await import('../dataset/preview.ts');
      return context.json(await previewBuild(deps, context.req.valid('json'), context.req.valid('query').limit), 200);
    });
    app.openapi(diffRoute, async (context) => {
      const { against, limit } = context.req.valid('query');
      const second = folderOf(deps, await findDataset(deps.store, context.req.valid('param').digest));
      const first = folderOf(deps, await findDataset(deps.store, against));
      return context.json(await diffVersions(first, second, limit), 200);
    });
    app.openapi(leftOutRoute, async (context) => {
      const { limit, ...filter } = context.req.valid('query');
      const version = await findDataset(deps.store, context.req.valid('param').digest);
      return context.json(await leftOutOf(folderOf(deps, version), filter, limit), 200);
    });
  };
}

function folderOf({ datasetsDir }: DatasetToolDeps, { name, digest: version }: DatasetRecord): string {
  return datasetFolder(datasetsDir, name, version);
}

/** A dataset version; NotFound. */
export async function findDataset({ datasets }: Pick<Store, 'datasets'>, wanted: string): Promise<DatasetRecord> {
  const record = await datasets.get(wanted);
  if (record) return record;
  throw new RatchetError('NotFound', `There is no dataset version ${wanted}: list them with GET /api/datasets.`);
}
