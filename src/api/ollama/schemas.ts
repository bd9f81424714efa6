import { z } from '@hono/zod-openapi';
import type { Job } from '../../models/ollama/jobs.ts';
import type { LoadedModel, LocalModel } from '../../models/ollama.ts';

export const modelName = z.string().min(1).max(600);

export const localModel = z
  .object({
    name: z.string(),
    digest: z.string(),
    /** Bytes on disk. */
    size: z.int(),
    modified_at: z.string().nullable(),
    family: z.string(),
    parameter_size: z.string(),
    quantization: z.string(),
    /** Where its answers really come from; null for a model that runs in Ollama itself. */
    remote_host: z.string().nullable(),
    loaded: z.boolean(),
    selected: z.boolean(),
  })
  .openapi('OllamaModel');

export const loadedModel = z
  .object({
    name: z.string(),
    digest: z.string(),
    /** Bytes in memory, in all. */
    size: z.int(),
    /** Bytes of them in the memory of a GPU. */
    size_vram: z.int(),
    /** `size_vram` as a part of `size`, 0 to 1. */
    vram_share: z.number(),
    /** Tokens. */
    context: z.int().nullable(),
    /** When it is dropped unless it is asked again. */
    until: z.string().nullable(),
  })
  .openapi('LoadedOllamaModel');

const figures = z.object({
  /** Of the layers that are known so far. */
  bytes: z.int(),
  total: z.int(),
  percent: z.int(),
  bytes_per_second: z.int().nullable(),
  seconds_left: z.int().nullable(),
});

export const jobSchema = z
  .object({
    id: z.string(),
    kind: z.enum(['pull', 'push', 'create']),
    model: z.string(),
    state: z.enum(['running', 'done', 'failed', 'cancelled']),
    /** Ollama's own words for what it is doing. */
    status: z.string(),
    progress: figures.nullable(),
    /** How often it was cut off and gone on with. */
    cuts: z.int(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    started_at: z.string(),
    finished_at: z.string().nullable(),
  })
  .openapi('OllamaJob');

/** A job as the API shows it. */
export function presentJob(job: Job): z.infer<typeof jobSchema> {
  const { error, startedAt, finishedAt } = job;
  return {
    id: job.id,
    kind: job.kind,
    model: job.model,
    state: job.state,
    status: job.status,
    progress: job.figures && presentFigures(job.figures),
    cuts: job.cuts,
    error: error && { code: error.code, message: error.message },
    started_at: new Date(startedAt).toISOString(),
    finished_at: finishedAt === null ? null : new Date(finishedAt).toISOString(),
  };
}

/** The figures of a job as the API shows them. */
export function presentFigures(found: NonNullable<Job['figures']>): z.infer<typeof figures> {
  const { bytes, total, percent, bytesPerSecond, secondsLeft } = found;
  return { bytes, total, percent, bytes_per_second: bytesPerSecond, seconds_left: secondsLeft };
}

/** A model on disk as the API shows it. */
export function presentModel(
  model: LocalModel,
  { loaded, selected }: { loaded: boolean; selected: boolean },
): z.infer<typeof localModel> {
  const { name, digest, size, modifiedAt, details, remoteHost } = model;
  return {
    name,
    digest,
    size,
    modified_at: modifiedAt,
    family: details.family,
    parameter_size: details.parameterSize,
    quantization: details.quantization,
    remote_host: remoteHost,
    loaded,
    selected,
  };
}

/** A model in memory as the API shows it. */
export function presentLoaded(model: LoadedModel): z.infer<typeof loadedModel> {
  const { name, digest, size, sizeVram, context, until } = model;
  const vram_share = size === 0 ? 0 : Math.round((sizeVram / size) * 1000) / 1000;
  return { name, digest, size, size_vram: sizeVram, vram_share, context, until };
}
