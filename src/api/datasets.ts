import { Readable } from 'node:stream';
import { createRoute, z } from '@hono/zod-openapi';
import { type Split, splits } from '../core/dataset.ts';
import { RatchetError } from '../core/errors.ts';
import { exportSft, splitFile } from '../dataset/export.ts';
import { datasetFolder } from '../dataset/write.ts';
import { exporterOf, exporters } from '../dataset/export/all.ts';
import type { DatasetRecord, Store } from '../store/types.ts';
import type { Routes } from './context.ts';
import { prepareExport } from './dataset-export.ts';
import { findDataset, leakCheck, stageCounts } from './dataset-tools.ts';
import { presentRedaction } from './present.ts';
import { json, pageQuery, problems, redaction } from './schemas.ts';

export interface DatasetRouteDeps {
  store: Pick<Store, 'datasets'>;
  datasetsDir: string;
}

const digest = z.string().regex(/^[0-9a-f]{64}$/, 'give the whole digest of a dataset version');
const figures = z.object({ rows: z.int(), digest: z.string(), bytes: z.int() });
const dataset = z
  .object({
    digest: z.string(),
    name: z.string(),
    cycle_id: z.string().nullable(),
    recipe: z.string(),
    collection: z.string(),
    /** Digest of what the base answered, where answers of it are learned. */
    replay: z.string().nullable(),
    splits: z.object({ train: figures, val: figures, test: figures }),
    signals: z.record(z.string(), z.int()),
    files: z.record(z.string(), figures),
    stages: z.array(stageCounts),
    leaks: leakCheck.nullable(),
    created_at: z.string(),
    /** What it lost since it was built, because somebody was to be forgotten; it can be exported, and not trained on. */
    redacted: redaction.nullable(),
  })
  .openapi('Dataset');

const list = createRoute({
  method: 'get',
  path: '/api/datasets',
  tags: ['Datasets'],
  summary: 'Dataset versions, newest first',
  request: { query: z.object(pageQuery) },
  responses: {
    200: json(z.object({ items: z.array(dataset), next: z.string().nullable() }), 'A page of dataset versions'),
    ...problems,
  },
});

const read = createRoute({
  method: 'get',
  path: '/api/datasets/{digest}',
  tags: ['Datasets'],
  summary: 'One dataset version, with what each stage of its build dropped',
  request: { params: z.object({ digest }) },
  responses: { 200: json(dataset, 'The dataset version'), ...problems },
});

const download = createRoute({
  method: 'get',
  path: '/api/datasets/{digest}/{file}',
  tags: ['Datasets'],
  summary: "A split in OpenAI's fine-tuning format, one JSON object per line",
  request: { params: z.object({ digest, file: z.enum(['train.jsonl', 'val.jsonl', 'test.jsonl']) }) },
  responses: {
    200: { description: 'The lines, as application/jsonl' },
  },
});

const exported = createRoute({
  method: 'get',
  path: '/api/datasets/{digest}/export',
  tags: ['Datasets'],
  summary: 'A dataset version in a format of other tools',
  description:
    'A tar of one file for each split with a manifest.json, which names digests and what the format could not carry. With a split alone, only its file; the header x-ratchet-export then holds the counts as JSON.\n\n' +
    exporters.map(({ format, about }) => `- \`${format}\`: ${about}`).join('\n'),
  request: {
    params: z.object({ digest }),
    query: z.object({
      format: z.string(),
      split: z.enum(splits).optional(),
      as: z.enum(['tar', 'file']).optional(),
    }),
  },
  responses: { 200: { description: 'The tar, or the file of the split' }, ...problems },
});

/** `GET /api/datasets`, `GET /api/datasets/:digest`, its `/export`, and `GET /api/datasets/:digest/{train,val,test}.jsonl`. */
export function datasetRoutes(deps: DatasetRouteDeps): Routes {
  return (app) => {
    app.openapi(list, async (context) => {
      const { limit, cursor, order } = context.req.valid('query');
      const page = await deps.store.datasets.list({ limit, order, ...(cursor !== undefined && { cursor }) });
      return context.json({ items: page.items.map(present), next: page.next }, 200);
    });
    app.openapi(read, async (context) =>
      context.json(present(await findDataset(deps.store, context.req.valid('param').digest)), 200),
    );
    app.openapi(exported, async (context) => {
      const { digest: wanted } = context.req.valid('param');
      return send(deps, await findDataset(deps.store, wanted), context.req.valid('query'));
    });
    app.openapi(download, async (context) => {
      const { digest: wanted, file } = context.req.valid('param');
      const { name } = await findDataset(deps.store, wanted);
      const split = splits.find((known) => file === `${known}.jsonl`) ?? 'train';
      const path = await splitFile(datasetFolder(deps.datasetsDir, name, wanted), split);
      const headers = {
        'content-type': 'application/jsonl; charset=utf-8',
        'content-disposition': `attachment; filename="${name}-${wanted.slice(0, 12)}-${file}"`,
      };
      const lines = Readable.from(exportSft(path)).map((line: string) => Buffer.from(line));
      return new Response(Readable.toWeb(lines) as ReadableStream<Uint8Array>, { headers });
    });
  };
}

interface ExportQuery {
  format: string;
  split?: Split | undefined;
  as?: 'tar' | 'file' | undefined;
}

async function send(deps: DatasetRouteDeps, record: DatasetRecord, query: ExportQuery): Promise<Response> {
  const { format, split, as = split === undefined ? 'tar' : 'file' } = query;
  const exporter = exporterOf(format);
  if (as === 'file' && split === undefined) {
    throw new RatchetError('InvalidInput', 'One file is one split: say it with split=train, or ask for a tar.');
  }
  const prepared = await prepareExport(deps, record, exporter, split === undefined ? splits : [split]);
  const { files, digest: id, left_out, reduced } = prepared.manifest;
  const [file] = files;
  const single = as === 'file' && file ? file : null;
  const stem = `${record.name}-${record.digest.slice(0, 12)}-${format}`;
  const body = single ? prepared.file(single.name) : prepared.tar();
  const counts = {
    ...(record.redacted && { redacted: record.redacted.rows }),
    digest: id,
    rows: files.reduce((sum, { rows }) => sum + rows, 0),
    left_out,
    reduced,
  };
  const headers = {
    'content-type': single ? exporter.encoding.mediaType : 'application/x-tar',
    'content-disposition': `attachment; filename="${stem}${single ? `-${single.name}` : '.tar'}"`,
    'x-ratchet-export': JSON.stringify(counts),
    ...(single && { 'content-length': String(single.bytes) }),
  };
  return new Response(Readable.toWeb(body) as ReadableStream<Uint8Array>, { headers });
}

function present({ digest: id, name, cycleId, manifest, createdAt, redacted }: DatasetRecord): z.infer<typeof dataset> {
  return {
    digest: id,
    name,
    cycle_id: cycleId,
    recipe: manifest.recipe,
    collection: manifest.collection,
    replay: manifest.replay ?? null,
    splits: manifest.splits,
    signals: manifest.signals,
    files: manifest.files ?? {},
    stages: manifest.stages,
    leaks: manifest.leaks ?? null,
    created_at: new Date(createdAt).toISOString(),
    redacted: presentRedaction(redacted),
  };
}
