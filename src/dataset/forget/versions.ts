import { asRatchetError } from '../../core/errors.ts';
import type { DatasetRecord, Store } from '../../store/types.ts';
import { type ListedEntries, entriesOf } from '../collection-entry.ts';

/** Ids of what is forgotten. */
export interface ForgottenIds {
  completions: ReadonlySet<string>;
  feedback: ReadonlySet<string>;
  /** Of the feedback, what a row has to rest on among others; any unless given. */
  own?: ReadonlySet<string>;
}

type Stores = Pick<Store, 'blobs' | 'datasets'>;

/** Everything that was ever to be forgotten. */
export async function everForgotten({ forgotten }: Pick<Store, 'forgotten'>): Promise<ForgottenIds> {
  const [completions, feedback] = await Promise.all([forgotten.ids('completion'), forgotten.ids('feedback')]);
  return { completions, feedback };
}

/** Every dataset version that may hold something of it, oldest first. */
export async function* versionsWith(stores: Stores, ids: ForgottenIds): AsyncGenerator<DatasetRecord> {
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<Stores['datasets']['list']>> = await stores.datasets.list({
      limit: 100,
      order: 'asc',
      ...(cursor !== null && { cursor }),
    });
    for (const version of page.items) if ((await rowsToGo(stores, version, ids)).size > 0) yield version;
    cursor = page.next;
  } while (cursor !== null);
}

/**
 * Ids of the rows of a version that have to go: those of forgotten completions, and those that rest on forgotten feedback
 * alone. A version can hold only what its collection lists; where that is lost, what is registered says it.
 */
export async function rowsToGo(stores: Stores, version: DatasetRecord, ids: ForgottenIds): Promise<Set<string>> {
  const rows = new Set<string>();
  for (const { rowId } of await stores.datasets.rowsWith(version.digest, ids.completions)) rows.add(rowId);
  for (const [rowId, entry] of entriesOf(await collectionOf(stores, version))) {
    const { completion, over, feedback } = entry;
    const said = ids.completions.has(completion) || (over !== undefined && ids.completions.has(over.completion));
    const { own = ids.feedback } = ids;
    const rested = feedback.some((id) => own.has(id)) && feedback.every((id) => ids.feedback.has(id));
    if (said || rested) rows.add(rowId);
  }
  return rows;
}

async function collectionOf({ blobs }: Stores, { manifest }: DatasetRecord): Promise<ListedEntries> {
  try {
    return await blobs.getJson<ListedEntries>(manifest.collection);
  } catch (error) {
    if (asRatchetError(error).code === 'NotFound') return { examples: [] };
    throw error;
  }
}
