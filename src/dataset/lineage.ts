import type { Split } from '../core/dataset.ts';
import { RatchetError, asRatchetError } from '../core/errors.ts';
import type { CompletionRecord, DatasetRecord, FeedbackRecord, ModelVersion, Store } from '../store/types.ts';
import type { Listed } from './collection-entry.ts';
import { listedIn } from './collection-entry.ts';
import type { ReplayedAnswers } from './replay/answers.ts';

export type LineageStore = Pick<Store, 'chats' | 'feedback' | 'blobs' | 'datasets' | 'models'>;

/** Where a row comes from, and what was trained with it. */
export interface RowLineage {
  dataset: { digest: string; name: string };
  row: string;
  split: Split;
  /** What was said of the answer, or that the base gave it; null where the collection does not list it as learned. */
  signal: Listed['signal'] | 'replay';
  /** Who wrote the answer: `person` for a correction, else a model ref; null when its completion is not on record. */
  author: string | null;
  /** Of a replayed answer the one whose prompt it is, without a choice; none where that is nobody's. */
  completions: { completionId: string; choice: number | null; record: CompletionRecord | null }[];
  /** The events that the collection lists for it, oldest first. */
  feedback: FeedbackRecord[];
  /** Ids of events that it lists, and that were forgotten since. */
  forgotten: string[];
  /** Who gave these events, sorted. */
  raters: string[];
  /** Every model version that was trained from the dataset version, oldest first. */
  models: ModelVersion[];
}

/** What was made of one completion. */
export interface CompletionLineage {
  /** Oldest version first. */
  datasets: { split: Split; row: string; version: DatasetRecord }[];
  /** Oldest first. */
  models: ModelVersion[];
}

/** The lineage of one row of a dataset version. NotFound when there is no such version or row. */
export async function rowLineage(store: LineageStore, digest: string, rowId: string): Promise<RowLineage> {
  const version = await store.datasets.get(digest);
  if (!version) throw missing(`dataset version ${digest}`, 'list them with GET /api/datasets');
  const links = await store.datasets.row(digest, rowId);
  const [first] = links;
  if (!first) throw missing(`row "${rowId.slice(0, 200)}" in ${digest}`, 'its ids stand in the files of the version');
  const listed = listedIn(await store.blobs.getJson(version.manifest.collection), rowId);
  const completions = await Promise.all(
    links.flatMap(({ completionId, choice }) =>
      completionId === null ? [] : [store.chats.get(completionId).then((record) => ({ completionId, choice, record }))],
    ),
  );
  const events = await store.feedback.ofCompletions(listed.completions);
  const feedback = events.filter(({ id }) => listed.feedback.includes(id));
  const found = new Set(feedback.map(({ id }) => id));
  return {
    dataset: { digest, name: version.name },
    row: rowId,
    split: first.split,
    ...(first.choice === null
      ? { signal: 'replay', author: await baseOf(store, version) }
      : { signal: listed.signal, author: authorOf(listed, completions[0]?.record ?? null) }),
    completions,
    feedback,
    forgotten: listed.feedback.filter((id) => !found.has(id)),
    raters: [...new Set(feedback.map(({ rater }) => rater))].sort(),
    models: await store.models.ofDatasets([digest]),
  };
}

/** Every dataset version that holds an answer of this completion, and every model version that was trained from one. */
export async function completionLineage(
  { datasets, models }: Pick<LineageStore, 'datasets' | 'models'>,
  completionId: string,
): Promise<CompletionLineage> {
  const rows = await datasets.versionsWith(completionId);
  const found = await Promise.all(
    rows.map(async ({ digest, split, rowId: row }) => {
      const version = await datasets.get(digest);
      return version ? [{ split, row, version }] : [];
    }),
  );
  return { datasets: found.flat(), models: await models.ofDatasets([...new Set(rows.map(({ digest }) => digest))]) };
}

/** The base that gave a version's replayed answers; null when what it said is not on record. */
async function baseOf({ blobs }: LineageStore, { manifest }: DatasetRecord): Promise<string | null> {
  if (manifest.replay === undefined) return null;
  const answers = await blobs.getJson<ReplayedAnswers>(manifest.replay).catch((error: unknown) => {
    if (asRatchetError(error).code === 'NotFound') return null;
    throw error;
  });
  return answers?.base.ref ?? null;
}

function authorOf({ signal }: Listed, record: CompletionRecord | null): string | null {
  if (signal === 'corrected') return 'person';
  return record && `${record.provider}/${record.model}`;
}

function missing(what: string, advice: string): RatchetError {
  return new RatchetError('NotFound', `There is no ${what}: ${advice}.`);
}
