import { createRoute, z } from '@hono/zod-openapi';
import { RatchetError } from '../../core/errors.ts';
import type { ModelManagement } from '../../models/ollama/management.ts';
import type { OllamaClient } from '../../models/ollama.ts';
import type { Routes } from '../context.ts';
import { json, problems } from '../schemas.ts';
import { drainMs } from '../v1/body.ts';

export interface OllamaBlobDeps {
  ollama: OllamaClient;
  management: ModelManagement;
}

const tags = ['Ollama'];
const params = z.object({
  digest: z.string().regex(/^sha256[:-][0-9a-f]{64}$/, 'write a digest as "sha256:" and 64 hex digits'),
});
const blob = z.object({ digest: z.string() });

const look = createRoute({
  method: 'get',
  path: '/api/ollama/blobs/{digest}',
  tags,
  summary: 'Whether Ollama has these bytes; 404 when it does not',
  request: { params },
  responses: { 200: json(blob, 'It has them'), ...problems },
});

const upload = createRoute({
  method: 'post',
  path: '/api/ollama/blobs/{digest}',
  tags,
  summary: 'Upload a file that a model is to be made of; its digest is checked while it comes',
  request: { params },
  responses: {
    200: json(blob, 'Ollama had it already'),
    201: json(blob, 'Ollama has it now'),
    ...problems,
  },
});

/** `/api/ollama/blobs`: files that models are made of. */
export function ollamaBlobRoutes({ ollama, management }: OllamaBlobDeps): Routes {
  return (app) => {
    // A body that was not taken to its end leaves a connection on which nothing else can be asked.
    app.use('/api/ollama/blobs/*', async (context, next) => {
      await next();
      if (context.req.method === 'POST') context.res.headers.set('connection', 'close');
    });
    app.openapi(look, async (context) => {
      const hex = hexOf(context.req.valid('param').digest);
      if (await ollama.hasBlob(hex, context.req.raw.signal)) return context.json({ digest: `sha256:${hex}` }, 200);
      throw new RatchetError('NotFound', `Ollama does not have sha256:${hex}: upload it with POST.`);
    });
    app.openapi(upload, async (context) => {
      const hex = hexOf(context.req.valid('param').digest);
      const { body } = context.req.raw;
      if (!body) throw new RatchetError('InvalidInput', 'There is no file in the request: send its bytes as the body.');
      const length = context.req.header('content-length');
      const size = length === undefined ? null : Number(length);
      const isNew = await management.upload(hex, body, size).catch(async (error: unknown) => {
        await readAway(body);
        throw error;
      });
      return context.json({ digest: `sha256:${hex}` }, isNew ? 201 : 200);
    });
  };
}

/** Takes what is left of a body: a connection that is closed while its client still sends takes the answer along. */
async function readAway(body: ReadableStream<Uint8Array>): Promise<void> {
  if (body.locked) return;
  const reader = body.getReader();
  const timer = setTimeout(() => void reader.cancel().catch(() => undefined), drainMs);
  try {
    while (!(await reader.read()).done);
  } catch {
    // The client has left.
  } finally {
    clearTimeout(timer);
  }
}

function hexOf(digest: string): string {
  return digest.slice('sha256:'.length);
}
