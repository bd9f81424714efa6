import { join } from 'node:path';
import { RatchetError } from '../../core/errors.ts';
import type { ForgottenNode } from '../../store/forgotten-types.ts';
import type { DatasetRecord, Store } from '../../store/types.ts';
import { datasetFolder } from '../write.ts';
import { joinsOf, markManifest, takeOut } from './rewrite.ts';
import { everForgotten, rowsToGo } from './versions.ts';

export interface RedactDeps {
  store: Pick<Store, 'blobs' | 'datasets' | 'forgotten'>;
  datasetsDir: string;
}

/**
 * Takes everything that was ever forgotten out of a dataset version: the mark in the store comes first, tombstones next, then the
 * files, then the manifest. It looks again until there is nothing left, so that of two that forget at once neither brings back
 * what the other took. Gives how many rows it lost in all.
 */
export async function redactVersion(deps: RedactDeps, version: DatasetRecord): Promise<number> {
  const { datasets } = deps.store;
  const folder = datasetFolder(deps.datasetsDir, version.name, version.digest);
  await datasets.redact(version.digest);
  let rows = new Set<string>();
  for (;;) {
    const ids = await everForgotten(deps.store);
    rows = await rowsToGo(deps.store, version, ids);
    const going = { rows, completions: ids.completions };
    const { lines, nodes } = await takeOut(folder, going, true);
    await bury(deps, nodes);
    await takeOut(folder, going);
    if (lines === 0) break;
  }
  const manifest = (await markManifest(folder)) ?? { ...version.manifest, redacted: { rows: rows.size } };
  const lost = manifest.redacted?.rows ?? rows.size;
  await datasets.redact(version.digest, { rows: lost, manifest });
  return lost;
}

/**
 * Throws Conflict when something that the version was just built from was forgotten meanwhile: it is taken out of the files first,
 * so that a version that is registered after a forgetting holds nothing of it.
 */
export async function refuseForgotten(deps: RedactDeps, digest: string): Promise<void> {
  const version = await deps.store.datasets.get(digest);
  if (!version || (await rowsToGo(deps.store, version, await everForgotten(deps.store))).size === 0) return;
  await redactVersion(deps, version);
  throw new RatchetError(
    'Conflict',
    'While the dataset was built, something in it was forgotten: retry from the step collect.',
  );
}

/** How many lines of a version's files would go, with what is to be forgotten beside it. */
export async function countGoing(
  { store, datasetsDir }: RedactDeps,
  version: DatasetRecord,
  ids: Awaited<ReturnType<typeof everForgotten>>,
): Promise<number> {
  const going = { rows: await rowsToGo(store, version, ids), completions: ids.completions };
  return (await takeOut(datasetFolder(datasetsDir, version.name, version.digest), going, true)).lines;
}

/** Leaves tombstones for nodes, with the nodes that they were joined with in any version. */
export async function bury({ store, datasetsDir }: RedactDeps, nodes: ReadonlySet<string>): Promise<void> {
  if (nodes.size === 0) return;
  const joined = new Map<string, Set<string>>([...nodes].map((node) => [node, new Set()]));
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<Store['datasets']['list']>> = await store.datasets.list({
      limit: 100,
      ...(cursor !== null && { cursor }),
    });
    for (const { name, digest } of page.items) {
      const found = await joinsOf(join(datasetsDir, name, digest), nodes);
      for (const [node, others] of found) for (const other of others) joined.get(node)?.add(other);
    }
    cursor = page.next;
  } while (cursor !== null);
  const tombstones: ForgottenNode[] = [...joined].map(([node, others]) => ({ node, joined: [...others].sort() }));
  await store.forgotten.addNodes(tombstones);
}
