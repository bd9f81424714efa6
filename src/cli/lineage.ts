import type { Command } from 'commander';
import { RatchetError } from '../core/errors.ts';
import type { ApiClient } from './api-client.ts';
import { connectApi } from './connection.ts';

interface Options {
  url?: string;
  json?: boolean;
  dataset?: string;
}

interface Learner {
  id: string;
  served: string;
  dataset: string;
  created_at: string;
  stale: { rows: number } | null;
  deleted_at: string | null;
}

interface OfCompletion {
  completion: string;
  datasets: { digest: string; name: string; split: string; row: string; created_at: string }[];
  models: Learner[];
}

interface OfRow {
  dataset: { digest: string; name: string };
  row: string;
  split: string;
  signal: string | null;
  author: string | null;
  completions: { id: string; choice: number | null; conversation_id: string | null; model: string | null }[];
  feedback: { id: string; rater: string; rating: number | null; score: number | null; correction: unknown }[];
  feedback_forgotten: string[];
  raters: string[];
  models: Learner[];
}

/** `ratchet lineage`: from a completion to what learned from it, and from a row to where it comes from. */
export function registerLineage(program: Command): void {
  program
    .command('lineage <completion|row>')
    .description(
      'what was made of a completion, or where a row of a dataset version comes from (<completion>.<choice>)',
    )
    .option('--dataset <digest>', 'the version that has the row (default: every one)')
    .option('--url <url>', 'where the API is')
    .option('--json', 'print JSON')
    .action(tell);
}

async function tell(name: string, { url, json, dataset }: Options): Promise<void> {
  const { api } = connectApi(url);
  const found = name.includes('.') ? await ofRow(api, name, dataset) : await ofCompletion(api, name);
  if (json) return console.log(JSON.stringify(Array.isArray(found) ? { rows: found } : found, null, 2));
  if (Array.isArray(found)) for (const each of found) tellRow(each);
  else tellCompletion(found);
}

function ofCompletion(api: ApiClient, id: string): Promise<OfCompletion> {
  return api.get<OfCompletion>(`/api/completions/${encodeURIComponent(id)}/lineage`);
}

/** The row in the version that is named, or in every version that has it. */
async function ofRow(api: ApiClient, row: string, dataset: string | undefined): Promise<OfRow[]> {
  const versions = dataset === undefined ? await versionsWith(api, row) : [dataset];
  const path = (digest: string) =>
    `/api/datasets/${encodeURIComponent(digest)}/rows/${encodeURIComponent(row)}/lineage`;
  return Promise.all(versions.map((digest) => api.get<OfRow>(path(digest))));
}

async function versionsWith(api: ApiClient, row: string): Promise<string[]> {
  if (row.startsWith('replay.')) {
    const message = `The base gave ${row}, no completion did: say with --dataset which version has it.`;
    throw new RatchetError('InvalidInput', message);
  }
  const { datasets } = await ofCompletion(api, row.slice(0, row.indexOf('.')));
  const versions = datasets.filter((one) => one.row === row).map(({ digest }) => digest);
  if (versions.length > 0) return versions;
  throw new RatchetError(
    'NotFound',
    `No dataset version has the row ${row}: "ratchet lineage ${row.split('.')[0]}" tells what there is.`,
  );
}

function tellCompletion({ completion, datasets, models }: OfCompletion): void {
  console.log(`completion ${completion}`);
  if (datasets.length === 0) console.log('No dataset version has a row of it.');
  for (const { digest, name, split, row } of datasets) {
    console.log(`  dataset ${digest}  ${name}  ${split}  row ${row}`);
    tellModels(models.filter(({ dataset }) => dataset === digest));
  }
}

function tellRow(row: OfRow): void {
  console.log(`row ${row.row} of dataset ${row.dataset.digest}  ${row.dataset.name}  ${row.split}`);
  console.log(`  ${row.signal ?? 'not learned'}, written by ${row.author ?? 'nobody that is known'}`);
  for (const { id, choice, conversation_id, model } of row.completions) {
    const part = choice === null ? 'prompt alone' : `choice ${choice}`;
    console.log(`  completion ${id} ${part}  ${model ?? '?'}  conversation ${conversation_id ?? '?'}`);
  }
  for (const { id, rater, rating, score, correction } of row.feedback) {
    const said = [
      rating !== null && `rating ${rating}`,
      score !== null && `score ${score}`,
      correction !== null && 'correction',
    ];
    console.log(`  feedback ${id}  by ${rater}  ${said.filter((part) => part !== false).join(', ')}`);
  }
  for (const id of row.feedback_forgotten) console.log(`  feedback ${id}  forgotten`);
  tellModels(row.models);
}

function tellModels(models: readonly Learner[]): void {
  for (const { id, served, stale, deleted_at } of models) {
    const mark = deleted_at !== null ? '  deleted' : stale ? '  stale' : '';
    console.log(`    model ${id}  ${served}${mark}`);
  }
}
