import { type JsonObject, isObject } from '../../core/canonical.ts';
import { textIn, timeIn } from './fields.ts';
import { type Generation, readGeneration } from './langfuse-generation.ts';
import { type Score, createScores, readScore } from './langfuse-scores.ts';
import { firstRow, jsonRows } from './rows.ts';
import type { ImportItem, ImportSource, Importer } from './types.ts';

/** Langfuse's observations with their scores, as its API, its page or its blob storage export writes them. */
export const langfuse: Importer = {
  format: 'langfuse',
  title: 'Langfuse',
  description:
    'observations and scores, one on each line or in one array, both in one file so that they find each other',
  recognises: (head) => {
    const row = firstRow(head);
    return row !== null && (isObservation(row) || isScore(row));
  },
  read: readLangfuse,
};

function isObservation(row: JsonObject): boolean {
  return ('traceId' in row || 'trace_id' in row) && typeof row.type === 'string' && !isScore(row);
}

function isScore(row: JsonObject): boolean {
  return 'dataType' in row || 'data_type' in row;
}

/** Scores may stand before and behind what they are of: they are gathered first, then the last generation of each scored trace. */
async function* readLangfuse(source: ImportSource): AsyncGenerator<ImportItem> {
  const scores = createScores();
  await lookThrough(source, (row, at) => {
    if (!isScore(row)) return;
    const score = readScore(row, at);
    if (score) scores.add(score);
  });
  if (scores.hasTraces) {
    await lookThrough(source, (row) => {
      const trace = textIn(row.traceId) ?? textIn(row.trace_id);
      const id = textIn(row.id);
      if (!isObservation(row) || row.type !== 'GENERATION' || trace === undefined || id === undefined) return;
      scores.seeGeneration(trace, id, timeIn(row.startTime ?? row.start_time) ?? 0);
    });
  }
  yield* jsonRows(source, (row, at) => {
    if (isScore(row)) return readScore(row, at) ? [] : [{ kind: 'left-out', at, reason: 'score without a value' }];
    if (!isObservation(row)) return [{ kind: 'left-out', at, reason: 'no observation' }];
    const generation = readGeneration(row, at);
    return 'kind' in generation ? [generation] : withScores(generation, scores.take(generation.id));
  });
  yield* scores.rest();
}

/** What cannot be read is told when the items are made. */
async function lookThrough(source: ImportSource, look: (row: JsonObject, at: string) => void): Promise<void> {
  const items = jsonRows(source, (row, at) => {
    if (isObject(row)) look(row, at);
    return [];
  });
  while (!(await items.next()).done);
}

function withScores({ at, chat }: Generation, scores: readonly Score[]): ImportItem[] {
  const feedback = scores.flatMap(({ feedback }) => feedback ?? []);
  const unscaled = scores.filter(({ feedback }) => feedback === undefined);
  return [
    { kind: 'exchange', at, chat, feedback },
    ...unscaled.map((score): ImportItem => ({ kind: 'left-out', at: score.at, reason: 'score on no known scale' })),
  ];
}
