import { createRoute, z } from '@hono/zod-openapi';
import { RatchetError } from '../core/errors.ts';
import {
  type CompletionLineage,
  type LineageStore,
  type RowLineage,
  completionLineage,
  rowLineage,
} from '../dataset/lineage.ts';
import type { ModelVersion } from '../store/types.ts';
import type { Routes } from './context.ts';
import { isoTime, optionalTime, presentFeedback, presentRedaction } from './present.ts';
import { visibleOwner } from './roles.ts';
import { feedbackRecord, json, problems, redaction } from './schemas.ts';

const split = z.enum(['train', 'val', 'test']);

const learner = z.object({
  id: z.string(),
  served: z.string(),
  dataset: z.string(),
  created_at: z.string(),
  stale: redaction.nullable(),
  deleted_at: z.string().nullable(),
});

const row = z
  .object({
    dataset: z.object({ digest: z.string(), name: z.string() }),
    row: z.string(),
    split,
    /** `replay` of an answer of the base, which nobody taught. */
    signal: z.enum(['corrected', 'approved', 'replay']).nullable(),
    /** `person` for a correction, else a model ref. */
    author: z.string().nullable(),
    completions: z.array(
      z.object({
        id: z.string(),
        /** Null where only its prompt is in the row. */
        choice: z.int().nullable(),
        conversation_id: z.string().nullable(),
        model: z.string().nullable(),
        erased_at: z.string().nullable(),
      }),
    ),
    feedback: z.array(feedbackRecord),
    /** Ids of events that it rested on, and that were forgotten. */
    feedback_forgotten: z.array(z.string()),
    raters: z.array(z.string()),
    models: z.array(learner),
  })
  .openapi('RowLineage');

const completion = z
  .object({
    completion: z.string(),
    datasets: z.array(
      z.object({
        digest: z.string(),
        name: z.string(),
        split,
        row: z.string(),
        created_at: z.string(),
        redacted: redaction.nullable(),
      }),
    ),
    models: z.array(learner),
  })
  .openapi('CompletionLineage');

const readRow = createRoute({
  method: 'get',
  path: '/api/datasets/{digest}/rows/{id}/lineage',
  tags: ['Lineage'],
  summary: 'Where a row of a dataset version comes from: completions, feedback, raters; and what was trained with it',
  request: { params: z.object({ digest: z.string(), id: z.string().max(500) }) },
  responses: { 200: json(row, 'The lineage of the row'), ...problems },
});

const readCompletion = createRoute({
  method: 'get',
  path: '/api/completions/{id}/lineage',
  tags: ['Lineage'],
  summary: 'Every dataset version that has a row of a completion, and every model version that was trained from one',
  request: { params: z.object({ id: z.string() }) },
  responses: { 200: json(completion, 'What was made of the completion'), ...problems },
});

/** The lineage of rows and of completions; whoever may read a completion may read what became of it. */
export function lineageRoutes({ store }: { store: LineageStore }): Routes {
  return (app) => {
    app.openapi(readRow, async (context) => {
      const { digest, id } = context.req.valid('param');
      return context.json(presentRow(await rowLineage(store, digest, id)), 200);
    });
    app.openapi(readCompletion, async (context) => {
      const { id } = context.req.valid('param');
      const record = await store.chats.get(id);
      if (!record || ![null, record.owner].includes(visibleOwner(context.get('principal')))) {
        throw new RatchetError('NotFound', `There is no completion "${id.slice(0, 200)}": use the id of an answer.`);
      }
      return context.json(presentCompletion(id, await completionLineage(store, id)), 200);
    });
  };
}

function presentRow(found: RowLineage): z.infer<typeof row> {
  return {
    dataset: found.dataset,
    row: found.row,
    split: found.split,
    signal: found.signal,
    author: found.author,
    completions: found.completions.map(({ completionId, choice, record }) => ({
      id: completionId,
      choice,
      conversation_id: record?.conversationId ?? null,
      model: record && `${record.provider}/${record.model}`,
      erased_at: optionalTime(record?.erasedAt ?? null),
    })),
    feedback: found.feedback.map(presentFeedback),
    feedback_forgotten: found.forgotten,
    raters: found.raters,
    models: found.models.map(presentLearner),
  };
}

function presentCompletion(id: string, { datasets, models }: CompletionLineage): z.infer<typeof completion> {
  return {
    completion: id,
    datasets: datasets.map(({ split: part, row: rowId, version: { digest, name, createdAt, redacted } }) => {
      const marks = { created_at: isoTime(createdAt), redacted: presentRedaction(redacted) };
      return { digest, name, split: part, row: rowId, ...marks };
    }),
    models: models.map(presentLearner),
  };
}

function presentLearner({ id, served, dataset, createdAt, stale, deletedAt }: ModelVersion): z.infer<typeof learner> {
  const marks = { stale: presentRedaction(stale), deleted_at: optionalTime(deletedAt) };
  return { id, served, dataset, created_at: isoTime(createdAt), ...marks };
}
