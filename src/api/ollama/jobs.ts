import { createRoute, z } from '@hono/zod-openapi';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import { RatchetError } from '../../core/errors.ts';
import { ollamaQuantizations } from '../../core/quantizations.ts';
import type { JobEvent } from '../../models/ollama/job-log.ts';
import type { Job, Jobs } from '../../models/ollama/jobs.ts';
import type { ModelManagement } from '../../models/ollama/management.ts';
import { modelfileLimit } from '../../models/ollama/modelfile.ts';
import type { Routes } from '../context.ts';
import { flag, json, problems } from '../schemas.ts';
import { jobSchema, modelName, presentFigures, presentJob } from './schemas.ts';

export interface OllamaJobDeps {
  jobs: Jobs;
  management: ModelManagement;
}

const tags = ['Ollama'];
const text = z.string().max(modelfileLimit);
const digest = z.string().regex(/^sha256[:-][0-9a-f]{64}$/, 'write a digest as "sha256:" and 64 hex digits');
const started = { 202: json(jobSchema, 'The job; watch it at /api/ollama/jobs/{id}/events'), ...problems };
const named = { required: true, ...json(z.strictObject({ model: modelName }), 'A name') };
const params = z.object({ id: z.uuid('give the id of a job') });

const pull = createRoute({
  method: 'post',
  path: '/api/ollama/pull',
  tags,
  summary: 'Pull a model, or join the pull of it that is going on; it goes on when the client leaves',
  request: { body: named },
  responses: started,
});

const push = createRoute({
  method: 'post',
  path: '/api/ollama/push',
  tags,
  summary: 'Push a model to the registry that its name says',
  request: { body: named },
  responses: started,
});

const create = createRoute({
  method: 'post',
  path: '/api/ollama/create',
  tags,
  summary: 'Make a model from a Modelfile or its parts, of a model that is there or of uploaded files',
  request: {
    query: z.object({ force: flag.optional() }),
    body: {
      required: true,
      ...json(
        z.strictObject({
          model: modelName,
          modelfile: text.optional(),
          from: z.string().max(600).optional(),
          /** Digests of uploaded files, by the path that they have in the Modelfile. */
          files: z.record(z.string().max(1000), digest).optional(),
          adapter: z.string().max(600).optional(),
          template: text.optional(),
          system: text.optional(),
          license: z.array(text).max(100).optional(),
          messages: z
            .array(z.strictObject({ role: z.enum(['system', 'user', 'assistant']), content: text }))
            .max(1000)
            .optional(),
          parameters: z
            .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]))
            .optional(),
          quantize: z.enum(ollamaQuantizations).optional(),
        }),
        'What it is made of',
      ),
    },
  },
  responses: started,
});

const list = createRoute({
  method: 'get',
  path: '/api/ollama/jobs',
  tags,
  summary: 'Pulls, pushes and creations of this process, newest first',
  responses: { 200: json(z.object({ items: z.array(jobSchema) }), 'Every job'), ...problems },
});

const read = createRoute({
  method: 'get',
  path: '/api/ollama/jobs/{id}',
  tags,
  summary: 'One job and how far it is',
  request: { params },
  responses: { 200: json(jobSchema, 'The job'), ...problems },
});

const cancel = createRoute({
  method: 'post',
  path: '/api/ollama/jobs/{id}/cancel',
  tags,
  summary: 'End a job; what was fetched stays for the next pull',
  request: { params },
  responses: { 200: json(jobSchema, 'The job as it ended'), ...problems },
});

const events = createRoute({
  method: 'get',
  path: '/api/ollama/jobs/{id}/events',
  tags,
  summary: 'Progress as server-sent events; resumes after Last-Event-ID, ends with the job',
  description:
    '`status` is what Ollama says it is doing, `progress` has the figures, `cut` that it was cut off and is gone on with, `end` how it ended.',
  request: { params },
  responses: { 200: { description: 'Events', content: { 'text/event-stream': { schema: z.string() } } } },
});

/** `/api/ollama/pull`, `push`, `create` and `jobs`: what takes long, and goes on by itself. */
export function ollamaJobRoutes({ jobs, management }: OllamaJobDeps): Routes {
  const known = (id: string): Job => {
    const job = jobs.get(id);
    if (job) return job;
    throw new RatchetError('NotFound', `There is no job ${id}: GET /api/ollama/jobs lists those of this process.`);
  };
  const at = (job: Job) => ({ location: `/api/ollama/jobs/${job.id}` });
  return (app) => {
    app.openapi(pull, (context) => {
      const job = management.pull(context.req.valid('json').model);
      return context.json(presentJob(job), 202, at(job));
    });
    app.openapi(push, async (context) => {
      const job = await management.push(context.req.valid('json').model);
      return context.json(presentJob(job), 202, at(job));
    });
    app.openapi(create, async (context) => {
      const force = context.req.valid('query').force ?? false;
      const job = await management.create(context.req.valid('json'), { force });
      return context.json(presentJob(job), 202, at(job));
    });
    app.openapi(list, (context) => context.json({ items: jobs.list().map(presentJob) }, 200));
    app.openapi(read, (context) => context.json(presentJob(known(context.req.valid('param').id)), 200));
    app.openapi(cancel, async (context) => {
      const { id } = known(context.req.valid('param').id);
      await jobs.cancel(id);
      return context.json(presentJob(known(id)), 200);
    });
    app.openapi(events, (context) => {
      const { id } = known(context.req.valid('param').id);
      const from = Number(context.req.header('last-event-id') ?? 0);
      return streamSSE(context, (stream) => follow(jobs, id, Number.isSafeInteger(from) ? from : 0, stream));
    });
  };
}

const keepAliveMs = 10_000;

async function follow(jobs: Jobs, id: string, from: number, stream: SSEStreamingApi): Promise<void> {
  const left = new AbortController();
  stream.onAbort(() => left.abort());
  const timer = setInterval(() => void stream.write(': still here\n\n'), keepAliveMs);
  try {
    for await (const event of jobs.follow(id, from, left.signal)) {
      await stream.writeSSE({ id: String(event.id), event: event.event, data: JSON.stringify(dataOf(event)) });
    }
  } finally {
    clearInterval(timer);
  }
}

function dataOf({ data }: JobEvent): Readonly<Record<string, unknown>> {
  const { figures, ...rest } = data;
  return figures ? { ...rest, ...presentFigures(figures) } : rest;
}
