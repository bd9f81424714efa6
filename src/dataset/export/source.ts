import type { DatasetRow, Split } from '../../core/dataset.ts';
import type { DatasetRecord, Store } from '../../store/types.ts';
import { readRows, splitFile } from '../export.ts';
import { datasetFolder } from '../write.ts';
import { type JudgingStore, judgedOf } from './judged.ts';
import { type RowsOfCompletion, pairsOf } from './pairs.ts';
import type { ExportSource } from './types.ts';

export interface ExportSourceDeps {
  store: JudgingStore & Pick<Store, 'datasets'>;
  datasetsDir: string;
}

/** How many completions are looked up together. */
const atOnce = 50;

/** What a dataset version has to export. Reading throws NotFound when a file of it is gone. */
export function createExportSource({ store, datasetsDir }: ExportSourceDeps, record: DatasetRecord): ExportSource {
  const folder = datasetFolder(datasetsDir, record.name, record.digest);
  const rows = async function* (split: Split): AsyncGenerator<DatasetRow> {
    yield* readRows(await splitFile(folder, split));
  };
  const holds = async (completionId: string): Promise<boolean> => {
    const versions = await store.datasets.versionsWith(completionId);
    return versions.some(({ digest }) => digest === record.digest);
  };
  return {
    manifest: record.manifest,
    rows,
    async *pairs(split, note) {
      for await (const batch of batches(byCompletion(rows(split)))) yield* pairsOf({ store, holds }, batch, note);
    },
    async *judged(split, note) {
      for await (const batch of batches(byCompletion(rows(split)))) yield* judgedOf(store, batch, note);
    },
  };
}

/** Rows are sorted by completion, so those of one stand together. */
async function* byCompletion(rows: AsyncIterable<DatasetRow>): AsyncGenerator<RowsOfCompletion> {
  let held: DatasetRow[] = [];
  for await (const row of rows) {
    const [first] = held;
    if (first && first.meta.completion !== row.meta.completion) {
      yield { completion: first.meta.completion, rows: held };
      held = [];
    }
    held.push(row);
  }
  const [first] = held;
  if (first) yield { completion: first.meta.completion, rows: held };
}

async function* batches<T>(items: AsyncIterable<T>): AsyncGenerator<T[]> {
  let batch: T[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length < atOnce) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
