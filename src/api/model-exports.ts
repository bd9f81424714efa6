import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createRoute, z } from '@hono/zod-openapi';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import { RatchetError, asRatchetError } from '../core/errors.ts';
import { type ExportRequest, exportAbout, isAdapter, roundingOf } from '../core/export.ts';
import { type ExportResult, exportFormats, exportQuantizations, exportTypes } from '../core/job.ts';
import { exportModelfile } from '../models/export-modelfile.ts';
import { type ExportModelDeps, exportModel, exportPrefix } from '../training/export-model.ts';
import { type ExportSource, type ExportSourceDeps, findExportSource } from '../training/export-source.ts';
import { sha256Hex } from '../store/digest.ts';
import type { Routes } from './context.ts';
import { removeLeftBehind } from './left-behind.ts';
import { presentRedaction } from './present.ts';
import { json, problems } from './schemas.ts';
import { tarOf } from './tar.ts';

export interface ModelExportDeps extends ExportModelDeps, ExportSourceDeps {
  /** Name in Ollama of a base. */
  baseModel: (base: string) => Promise<string>;
}

/** What an export holds: `manifest.json` beside its files. */
export interface ModelExport {
  /** Id of the model version, or name of the base. */
  of: string;
  base: string;
  format: ExportRequest['format'];
  dtype: ExportRequest['dtype'];
  quantize: string | null;
  adapter_digest: string | null;
  /** Digest of the dataset version that was learned. */
  dataset: string | null;
  files: { name: string; bytes: number; digest: string }[];
}

/** Waits to be fetched. */
interface Ready {
  folder: string;
  manifest: ModelExport;
}

const body = z.strictObject({
  format: z.enum(exportFormats),
  dtype: z.enum(exportTypes).default('float16'),
  quantize: z.enum(exportQuantizations).nullable().default(null),
});

const start = createRoute({
  method: 'post',
  path: '/api/models/{name}/export',
  tags: ['Models'],
  summary: 'Write a model version, or a base, in a format of other programs',
  description:
    'Answers with server-sent events: `progress` {bytes}, then `done` {id, manifest}, or `error` with a problem. The files are fetched once, within ten minutes, with GET /api/exports/{id}.\n\n' +
    exportFormats.map((format) => `- \`${format}\`: ${exportAbout[format]}`).join('\n'),
  request: {
    params: z.object({ name: z.string().min(1).max(100) }),
    body: { required: true, ...json(body, 'How it is written') },
  },
  responses: {
    200: { description: 'Events', content: { 'text/event-stream': { schema: z.string() } } },
    ...problems,
  },
});

const fetchFiles = createRoute({
  method: 'get',
  path: '/api/exports/{id}',
  tags: ['Models'],
  summary: 'The files of an export with a manifest.json, as a tar, once',
  request: { params: z.object({ id: z.uuid('give the id that the export ended with') }) },
  responses: { 200: { description: 'The tar' }, ...problems },
});

/** How long an export waits to be fetched, in ms. */
const waitsMs = 600_000;

/** `POST /api/models/{name}/export` and `GET /api/exports/{id}`. */
export function modelExportRoutes(deps: ModelExportDeps): Routes {
  const ready = new Map<string, Ready>();
  const away = ({ folder }: Ready): void => void rm(folder, { recursive: true, force: true }).catch(() => undefined);
  const keep = (made: Ready): string => {
    const id = randomUUID();
    ready.set(id, made);
    setTimeout(() => ready.delete(id) && away(made), waitsMs).unref();
    return id;
  };
  return (app) => {
    app.openapi(start, async (context) => {
      const request = context.req.valid('json');
      roundingOf(request);
      const source = await findExportSource(deps, context.req.valid('param').name);
      assertHasAdapter(source, request);
      deps.python();
      return streamSSE(context, (stream) => tell(stream, deps, { source, request, keep }));
    });
    app.openapi(fetchFiles, (context) => {
      const { id } = context.req.valid('param');
      const found = ready.get(id);
      if (!found) {
        throw new RatchetError('NotFound', `There is no export ${id} to fetch, or no longer: export it again.`);
      }
      ready.delete(id);
      const names = [...found.manifest.files.map(({ name }) => name), manifestName];
      const tar = tarOf(found.folder, names).once('close', () => away(found));
      const headers = { 'content-type': 'application/x-tar' };
      return new Response(Readable.toWeb(tar) as ReadableStream<Uint8Array>, { headers });
    });
  };
}

function assertHasAdapter({ base, adapter }: ExportSource, { format }: ExportRequest): void {
  if (adapter !== null || !isAdapter(format)) return;
  throw new RatchetError(
    'InvalidInput',
    `"${base}" is a base, which has no adapter: export it as merged or gguf, or name a model version.`,
  );
}

const manifestName = 'manifest.json';
const tellMs = 2_000;

interface Order {
  source: ExportSource;
  request: ExportRequest;
  keep: (made: Ready) => string;
}

async function tell(stream: SSEStreamingApi, deps: ModelExportDeps, { source, request, keep }: Order): Promise<void> {
  const left = new AbortController();
  stream.onAbort(() => left.abort(new RatchetError('Cancelled', 'Nobody waits for the export.')));
  let work: string | null = null;
  const timer = setInterval(() => void tellBytes(stream, work), tellMs);
  try {
    const made = await make(deps, { source, request, signal: left.signal, onWork: (folder) => (work = folder) });
    const id = keep(made);
    await stream.writeSSE({ event: 'done', data: JSON.stringify({ id, ...toldOf(source), manifest: made.manifest }) });
  } catch (thrown) {
    const { code, message } = asRatchetError(thrown);
    await stream.writeSSE({ event: 'error', data: JSON.stringify({ code, detail: message }) });
  } finally {
    clearInterval(timer);
  }
}

/** What a person should know of what is exported. */
function toldOf({ version }: ExportSource): { stale: ReturnType<typeof presentRedaction> } {
  return { stale: presentRedaction(version?.stale ?? null) };
}

async function tellBytes(stream: SSEStreamingApi, work: string | null): Promise<void> {
  await stream.writeSSE({
    event: 'progress',
    data: JSON.stringify({ bytes: work === null ? 0 : await bytesIn(work) }),
  });
}

async function bytesIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile());
  const sizes = files.map(({ parentPath, name }) => stat(join(parentPath, name)).then(({ size }) => size));
  return (await Promise.all(sizes.map((size) => size.catch(() => 0)))).reduce((sum, size) => sum + size, 0);
}

async function make(
  deps: ModelExportDeps,
  order: Pick<Order, 'source' | 'request'> & { signal: AbortSignal; onWork: (folder: string) => void },
): Promise<Ready> {
  const { source, request, signal, onWork } = order;
  await mkdir(deps.dataDir, { recursive: true });
  await removeLeftBehind(deps.dataDir, exportPrefix);
  const { format, dtype } = request;
  const quantize = roundingOf(request);
  const spec = { adapter: source.adapter, dtype, format, ...(quantize !== null && { quantize }) };
  const made = await exportModel(deps, { base: source.folder, spec, signal, onWork });
  try {
    return { folder: made.path, manifest: await describe(deps, order, made) };
  } catch (error) {
    await rm(made.path, { recursive: true, force: true });
    throw error;
  }
}

/** Writes the Modelfile and the manifest beside what was made. */
async function describe(
  deps: ModelExportDeps,
  { source, request }: Pick<Order, 'source' | 'request'>,
  { path, files }: ExportResult,
): Promise<ModelExport> {
  const modelfile = await modelfileOf(deps, source, request);
  const digests = { ...files };
  if (modelfile !== null) {
    await writeFile(join(path, 'Modelfile'), modelfile);
    digests.Modelfile = sha256Hex(modelfile);
  }
  const named = Object.entries(digests).sort(([a], [b]) => (a < b ? -1 : 1));
  const { version, base } = source;
  const manifest: ModelExport = {
    of: version?.id ?? base,
    base,
    ...request,
    adapter_digest: version?.adapterDigest ?? null,
    dataset: version?.dataset ?? null,
    files: await Promise.all(
      named.map(async ([name, digest]) => ({ name, bytes: (await stat(join(path, name))).size, digest })),
    ),
  };
  await writeFile(join(path, manifestName), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

async function modelfileOf(
  { baseModel }: ModelExportDeps,
  { folder, base }: ExportSource,
  { format }: ExportRequest,
): Promise<string | null> {
  if (format === 'gguf') return exportModelfile(folder, { model: 'model.gguf' });
  if (format !== 'gguf-adapter') return null;
  return exportModelfile(folder, { adapter: 'adapter.gguf', base: await baseModel(base) });
}
