import { type RatchetError, asRatchetError } from '../../../core/errors.ts';
import type { Database, Statement } from '../../database.ts';
import type { RecordRange } from '../protocol.ts';
import type { Entry } from './queue.ts';

export interface TablesOptions {
  /** The tables. */
  beneath: Database;
  /** Brings records of files into the tables, in one transaction. */
  writeRecords(records: RecordRange[], sync: boolean): Promise<void>;
}

/** What could not be written, all after the first that was refused, and why. */
export interface Left {
  entries: readonly Entry[];
  error: RatchetError | null;
}

/** The tables as the journal sees them. */
export interface Tables {
  /** Writes all in one transaction, or one by one where one of them has no place there. */
  write(entries: readonly Entry[], sync: boolean): Promise<Left>;
  /** Syncs what was written. */
  sync(): Promise<void>;
}

const none: Left = { entries: [], error: null };
/** Changes nothing, but is a transaction whose sync covers those before it. */
const touch: Statement = { sql: 'update installation set hmac_key = hmac_key', parameters: [] };

/** Creates the way into the tables. */
export function createTables({ beneath, writeRecords }: TablesOptions): Tables {
  async function attempt(action: () => Promise<void>): Promise<RatchetError | null> {
    try {
      await action();
      return null;
    } catch (error) {
      return asRatchetError(error);
    }
  }

  async function writeOne(entry: Entry, sync: boolean): Promise<RatchetError | null> {
    const error = await attempt(() => writeRecords(rangesOf([entry]), sync));
    if (error?.code !== 'Conflict') return error;
    const again = await attempt(() => entry.refused(beneath));
    // The tables know better: it is there already, or was erased.
    return again?.code === 'Conflict' || again?.code === 'NotFound' ? null : again;
  }

  return {
    async write(entries, sync) {
      const together = await attempt(() => writeRecords(rangesOf(entries), sync));
      if (!together) return none;
      if (together.code !== 'Conflict') return { entries, error: together };
      for (const [at, entry] of entries.entries()) {
        const error = await writeOne(entry, sync);
        if (error) return { entries: entries.slice(at), error };
      }
      return none;
    },
    sync: async () => {
      await beneath.write([touch], { sync: true });
    },
  };
}

/** Neighbours come in one piece. */
function rangesOf(entries: readonly Entry[]): RecordRange[] {
  const ranges: RecordRange[] = [];
  for (const { file, from, to } of entries) {
    const last = ranges.at(-1);
    if (last && last[0] === file.path && last[2] === from) {
      last[2] = to;
      last[3] += 1;
    } else ranges.push([file.path, from, to, 1]);
  }
  return ranges;
}
