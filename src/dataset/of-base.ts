import type { ModelStore } from '../store/types.ts';

/** Refs of the models that were trained from a base. */
export async function modelsOfBase(models: Pick<ModelStore, 'list'>, base: string): Promise<ReadonlySet<string>> {
  const refs = new Set<string>();
  let cursor: string | null = null;
  do {
    const page = await models.list({ limit: 200, ...(cursor !== null && { cursor }) });
    for (const version of page.items) if (version.base === base) refs.add(version.served);
    cursor = page.next;
  } while (cursor !== null);
  return refs;
}
