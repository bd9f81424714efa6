import { join } from 'node:path';
import type { Doomed } from '../dataset/forget/doomed.ts';
import type { Store } from '../store/types.ts';

interface Places {
  store: Pick<Store, 'chats' | 'kind'>;
  dataDir: string;
  /** Whether what is sent to a provider stays on this machine. */
  isLocal: (provider: string) => boolean;
}

/** Where something that was forgotten may stand as well, and what to do there. */
export async function outOfReach({ store, dataDir, isLocal }: Places, doomed: Doomed): Promise<string[]> {
  const asked = (await providersOf(store, doomed)).filter((provider) => !isLocal(provider));
  return [
    'Files that were exported or downloaded are not tracked: delete dataset exports, exported chats and copies of them where you put them.',
    'Backups and snapshots of disks are not touched: delete them, or forget again after restoring one.',
    ...(store.kind === 'postgres'
      ? ["PostgreSQL's archived log and its backups are its server's: let them expire, or delete them."]
      : []),
    `Temporal keeps messages of failures for as long as its namespace says, in its own database (of "ratchet up": under ${join(dataDir, 'temporal')}).`,
    'Workers with a data folder of their own keep their runs there: remove the folders of the cycles on those machines.',
    ...(asked.length > 0 ? [`What was sent to ${asked.join(', ')} is theirs to delete: ask them.`] : []),
  ];
}

async function providersOf({ chats }: Pick<Store, 'chats'>, { completions }: Doomed): Promise<string[]> {
  const asked = new Set<string>();
  for (const id of completions) {
    const record = await chats.get(id);
    if (record) for (const { provider } of [record, ...record.attempts]) asked.add(provider);
  }
  return [...asked].sort();
}
