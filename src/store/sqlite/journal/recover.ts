import { asRatchetError } from '../../../core/errors.ts';
import type { Database } from '../../database.ts';
import { orphans } from './folder.ts';
import { type ReadRecord, toStatements } from './records.ts';

/** Brings into the tables what the journals of ended processes hold. What is there already stays as it is. */
export async function recoverJournals(folder: string, beneath: Database): Promise<void> {
  for (const orphan of orphans(folder)) {
    try {
      await writeAll(orphan.records, beneath);
    } catch (error) {
      orphan.leave();
      throw error;
    }
    orphan.remove();
  }
}

async function writeAll(records: readonly ReadRecord[], beneath: Database): Promise<void> {
  const results = await Promise.allSettled(
    records.map((record) => beneath.write(toStatements(record), { sync: true, inFlight: 0 })),
  );
  for (const result of results) {
    // It came into the tables before its process ended.
    if (result.status === 'rejected' && asRatchetError(result.reason).code !== 'Conflict') throw result.reason;
  }
}
