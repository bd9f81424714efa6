import { sqliteError } from './errors.ts';
import type { Query, QueryAnswer } from './protocol.ts';
import { startThread } from './thread.ts';
import { type Row, type Statement, unavailable } from '../database.ts';

export interface AsideReader {
  read(query: Statement): Promise<Row[]>;
  close(): Promise<void>;
}

/** Reads in a thread of its own, which is started by the first query. */
export function createAsideReader(path: string): AsideReader {
  let starting: ReturnType<typeof startThread<Query, QueryAnswer>> | null = null;
  let open = true;

  function start() {
    starting ??= startThread<Query, QueryAnswer>({ file: 'reader-worker', name: 'reader', data: path, path }).catch(
      (error: unknown) => {
        starting = null;
        throw error;
      },
    );
    return starting;
  }

  return {
    read: async ({ sql, parameters }) => {
      if (!open) throw unavailable('it is closed.');
      const started = start();
      const thread = await started;
      const answer = await thread.ask([sql, parameters]).catch((error: unknown) => {
        // The next query starts another.
        if (starting === started) starting = null;
        throw error;
      });
      if ('rows' in answer) return answer.rows;
      const { failure } = answer;
      throw failure.kind === 'sqlite'
        ? sqliteError(failure.code, failure.message, path)
        : unavailable('its reader answered out of turn.');
    },
    close: async () => {
      open = false;
      const thread = await starting?.catch(() => null);
      await thread?.close();
    },
  };
}
