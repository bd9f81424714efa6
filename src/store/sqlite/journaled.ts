import type { Compilable } from 'kysely';
import type { Database } from '../database.ts';
import { type JournalOptions, createJournal } from './journal/journal.ts';
import { recoverJournals } from './journal/recover.ts';

/** Puts a journal before a database file: whoever reads or writes the tables finds in them what was taken down before. */
export function withJournal(
  beneath: Database,
  { path, ...options }: { path: string } & Pick<JournalOptions, 'writeRecords' | 'synced'>,
): Database {
  const folder = `${path}-journals`;
  const journal = createJournal({ folder, beneath, ...options });

  /** A read shows what there is, even where the tables take no more. */
  async function seen(): Promise<void> {
    await journal.settle().catch(() => undefined);
  }

  return {
    ...beneath,
    journal,
    read: <T>(query: Compilable<T>) =>
      journal.pending ? seen().then(() => beneath.read<T>(query)) : beneath.read<T>(query),
    readAside: <T>(query: Compilable<T>) =>
      journal.pending ? seen().then(() => beneath.readAside<T>(query)) : beneath.readAside<T>(query),
    write: (statements, options) =>
      journal.pending
        ? journal.settle().then(() => beneath.write(statements, options))
        : beneath.write(statements, options),
    writes: () => {
      const { commits, syncs } = beneath.writes();
      // What the journal syncs is committed by that.
      return { commits: commits + journal.syncs, syncs: syncs + journal.syncs };
    },
    recover: () => recoverJournals(folder, beneath),
    tidy: async () => {
      await journal.wipe();
      await beneath.tidy();
    },
    close: async () => {
      try {
        await journal.close();
      } finally {
        await beneath.close();
      }
    },
  };
}
