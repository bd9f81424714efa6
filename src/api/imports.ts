import { createRoute, z } from '@hono/zod-openapi';
import { isObject } from '../core/canonical.ts';
import { RatchetError } from '../core/errors.ts';
import {
  type ImportingDeps,
  type ImportSum,
  addSums,
  countItems,
  emptySum,
  importItems,
  ofOneSet,
} from '../feedback/importing.ts';
import { deepest } from '../gateway/answer.ts';
import { depthOf } from '../gateway/splice.ts';
import { readLines } from '../feedback/importers/lines.ts';
import type { ImportItem } from '../feedback/importers/types.ts';
import type { Routes } from './context.ts';
import { flag, json, jsonObject, problems, wireMessage } from './schemas.ts';

/** Items that are written together. */
const writtenAtOnce = 50;

const feedback = z.strictObject({
  choice: z.int().min(0).optional(),
  rating: z.union([z.literal(1), z.literal(-1)]).optional(),
  score: z.number().min(0).max(1).optional(),
  criteria: z.record(z.string(), z.union([z.boolean(), z.number()])).optional(),
  comment: z.string().max(100_000).optional(),
  correction: wireMessage.optional(),
  tags: z.array(z.string().max(200)).max(100).optional(),
  rater: z.string().min(1).max(100).optional(),
  id: z.string().max(500).optional(),
});

const choice = z.strictObject({
  index: z.int().min(0),
  message: wireMessage,
  finishReason: z.string().nullable(),
  extra: jsonObject,
});

const tokens = z.int().min(0).nullable();
const item = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('exchange'),
    at: z.string().max(500),
    chat: z.strictObject({
      provider: z
        .string()
        .regex(/^[\w.-]{1,100}$/)
        .optional(),
      model: z.string().min(1).max(300),
      envelope: jsonObject,
      messages: z.array(wireMessage).min(1),
      scope: z.string().nullable().optional(),
      choices: z.array(choice).min(1),
      response: jsonObject,
      promptTokens: tokens,
      completionTokens: tokens,
      createdAt: z.int().nullable(),
      origin: jsonObject,
    }),
    feedback: z.array(feedback).max(1_000),
    siblings: z.strictObject({ set: z.string().max(500), best: z.boolean() }).optional(),
  }),
  z.strictObject({
    kind: z.literal('left-out'),
    at: z.string().max(500),
    reason: z.string().max(200),
    detail: z.string().max(2_000).optional(),
  }),
]);

const counts = z.object({ written: z.int(), known: z.int() });
const report = z
  .object({
    chats: counts,
    feedback: counts,
    /** How many items were not taken, by reason. */
    left_out: z.record(z.string(), z.int()),
    examples: z.array(z.object({ at: z.string(), reason: z.string(), detail: z.string().nullable() })),
    dry_run: z.boolean(),
  })
  .openapi('ImportReport');

const imported = createRoute({
  method: 'post',
  path: '/api/import',
  tags: ['Feedback'],
  summary: 'Chats of another product with what was said of them, one on each line',
  description:
    'What "ratchet import" makes of a file. What is there already, by its content, is not written again. With `dry_run` nothing is written, and everything counts as new.',
  request: {
    query: z.object({
      source: z.string().regex(/^[\w.-]{1,50}$/, 'name the format with letters, digits, ".", "_" and "-"'),
      owner: z.string().min(1).max(200).optional(),
      provider: z
        .string()
        .regex(/^[\w.-]{1,100}$/)
        .default('import'),
      dry_run: flag.default(false),
    }),
  },
  responses: { 200: json(report, 'What was written, and what was not and why'), ...problems },
});

/** `POST /api/import`. */
export function importRoutes(deps: ImportingDeps): Routes {
  return (app) => {
    app.openapi(imported, async (context) => {
      const { source, provider, dry_run: dryRun, owner = context.get('owner') } = context.req.valid('query');
      const { body } = context.req.raw;
      if (!body) throw new RatchetError('InvalidInput', 'There is no body: send the items, one on each line.');
      const options = { owner, provider, source, rater: context.get('owner') };
      const write = (items: ImportItem[]) => (dryRun ? countItems(items) : importItems(deps, items, options));
      let sum = emptySum();
      let batch: ImportItem[] = [];
      let at = 0;
      for await (const line of readLines(body)) {
        at += 1;
        if (line === '') continue;
        const next = itemIn(line, at);
        if (batch.length >= writtenAtOnce && !ofOneSet(batch.at(-1), next)) {
          sum = addSums(sum, await write(batch));
          batch = [];
        }
        batch.push(next);
      }
      return context.json(viewOf(addSums(sum, await write(batch)), dryRun), 200);
    });
  };
}

function itemIn(line: string, number: number): ImportItem {
  const fault = (detail: string): RatchetError =>
    new RatchetError(
      'InvalidInput',
      `Line ${number} of the body is no item (${detail}): send what "ratchet import" makes.`,
    );
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw fault('it is not JSON');
  }
  if (!isObject(value)) throw fault('it is no object');
  if (depthOf(line) > deepest) throw fault('it is nested too deep');
  const parsed = item.safeParse(value);
  if (parsed.success) return parsed.data as unknown as ImportItem;
  const [first] = parsed.error.issues;
  throw fault(`${first?.path.join('.') ?? ''}: ${first?.message ?? ''}`);
}

function viewOf({ chats, feedback: events, leftOut, examples }: ImportSum, dryRun: boolean): z.infer<typeof report> {
  return { chats, feedback: events, left_out: leftOut, examples, dry_run: dryRun };
}
