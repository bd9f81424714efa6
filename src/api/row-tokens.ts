import { join } from 'node:path';
import { createRoute, z } from '@hono/zod-openapi';
import { type Split, splits } from '../core/dataset.ts';
import { RatchetError } from '../core/errors.ts';
import type { TokensResult } from '../core/job.ts';
import type { Recipe } from '../core/recipe.ts';
import { datasetFolder } from '../dataset/write.ts';
import type { DatasetRecord, Store } from '../store/types.ts';
import { type RowTokensDeps, rowTokens } from '../training/row-tokens.ts';
import type { Routes } from './context.ts';
import { findDataset } from './dataset-tools.ts';
import { json, problems } from './schemas.ts';

export interface RowTokenRouteDeps extends RowTokensDeps {
  store: Pick<Store, 'datasets' | 'blobs'>;
  datasetsDir: string;
}

/** Stands for the first row of a split where an id is asked for. */
const firstRow = 'first';

const tokens = z
  .object({
    dataset: z.string(),
    split: z.enum(splits),
    row: z.string(),
    line: z.int(),
    base: z.string(),
    weight: z.number(),
    /** After how many tokens training cuts a chat; null where that is not known. */
    max_seq_length: z.int().nullable(),
    kept: z.int(),
    learned: z.int(),
    broken_turns: z.int(),
    fault: z.string().nullable(),
    tokens: z.array(z.object({ id: z.int(), piece: z.string(), learned: z.boolean() })),
  })
  .openapi('RowTokens');

const route = createRoute({
  method: 'get',
  path: '/api/datasets/{digest}/rows/{id}/tokens',
  tags: ['Datasets'],
  summary: 'A row of a dataset version as the model sees it: its tokens, and which of them are learned',
  description:
    'The pieces together are the chat as the chat template of the base writes it. The base and the length after which training cuts are those of the recipe that the version was built by, unless given. `fault` says why training refuses the row. The id `first` is the first row of the split.',
  request: {
    params: z.object({ digest: z.string(), id: z.string().max(500) }),
    query: z.object({ base: z.string().optional(), split: z.enum(splits).optional() }),
  },
  responses: { 200: json(tokens, 'The tokens of the row'), ...problems },
});

/** `GET /api/datasets/:digest/rows/:id/tokens`. */
export function rowTokenRoutes(deps: RowTokenRouteDeps): Routes {
  return (app) => {
    app.openapi(route, async (context) => {
      const { digest, id } = context.req.valid('param');
      const query = context.req.valid('query');
      const version = await findDataset(deps.store, digest);
      const split = await splitOf(deps, version, id, query.split);
      const { base, maxLength } = await modelOf(deps, version, query.base);
      const data = join(datasetFolder(deps.datasetsDir, version.name, digest), `${split}.jsonl`);
      const row = id === firstRow ? null : id;
      const found = await rowTokens(deps, { data, row, base, maxLength, signal: context.req.raw.signal });
      return context.json({ dataset: digest, split, base, max_seq_length: maxLength, ...present(found) }, 200);
    });
  };
}

async function splitOf(
  { store }: RowTokenRouteDeps,
  { digest }: DatasetRecord,
  id: string,
  wanted: Split | undefined,
): Promise<Split> {
  if (id === firstRow) return wanted ?? 'train';
  const [link] = await store.datasets.row(digest, id);
  if (link && (wanted ?? link.split) === link.split) return link.split;
  const where = link ? `it is in ${link.split}` : 'its ids stand in the files of the version';
  throw new RatchetError('NotFound', `There is no row "${id.slice(0, 200)}" in ${wanted ?? digest}: ${where}.`);
}

/** What the recipe of the version says, where it is still there. */
async function modelOf({ store }: RowTokenRouteDeps, { manifest }: DatasetRecord, base: string | undefined) {
  const recipe = await store.blobs.getJson<Recipe>(manifest.recipe).catch(() => null);
  const named = base ?? recipe?.base;
  if (named !== undefined) return { base: named, maxLength: recipe?.train.max_seq_length ?? null };
  throw new RatchetError('InvalidInput', 'The recipe of this version is gone: say whose tokens with base=<name>.');
}

function present({ row, line, weight, ids, pieces, learned, kept, broken_turns, fault }: TokensResult) {
  return {
    row,
    line,
    weight,
    kept,
    learned: learned.filter((is, at) => is && at < kept).length,
    broken_turns,
    fault,
    tokens: ids.map((id, at) => ({ id, piece: pieces[at] ?? '', learned: learned[at] === true })),
  };
}
