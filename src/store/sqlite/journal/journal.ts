import type { Journal } from '../../journal.ts';
import type { JournalFile } from './file.ts';
import { type OwnFiles, createOwnFiles } from './folder.ts';
import { type Folding, createFolding } from './folding.ts';
import { type FilePair, createFilePair } from './pair.ts';
import { createSyncer } from './syncer.ts';
import { type TablesOptions, createTables } from './tables.ts';

/** When nothing came for so long the files are wiped, in ms. */
const restMs = 1_000;
/** How soon it is tried again to make the files, in ms. */
const makeAgainMs = 60_000;

export interface OwnJournal extends Journal {
  /** Whether anything is not in the tables. */
  readonly pending: boolean;
  readonly syncs: number;
  /** Leaves nothing in the files. */
  wipe(): Promise<void>;
  /** Brings all into the tables and takes the files away; they stay where that fails. */
  close(): Promise<void>;
}

export interface JournalOptions extends TablesOptions {
  folder: string;
  /** Whether a sync is one. */
  synced: boolean;
}

/** What there is once the files are made. */
interface Made {
  own: OwnFiles;
  pair: FilePair;
  folding: Folding;
}

/** Creates the journal of this process. Its files are made when there is something to take down. */
export function createJournal({ folder, synced, ...options }: JournalOptions): OwnJournal {
  const syncer = createSyncer<JournalFile>();
  const tables = createTables(options);
  let made: Made | null = null;
  let making = false;
  let lastNumber = 0;
  /** It is not used any more. */
  let closed = false;
  const resting = createRest(() => void (closed || wipe().catch(() => undefined)));

  /** Not while somebody waits: it takes some milliseconds. */
  function make(): void {
    if (making) return;
    making = true;
    setImmediate(() => {
      try {
        if (!closed) made = makeFiles(folder, (pair) => createFolding({ tables, pair, rest: resting.begin }));
      } catch {
        // Where the files cannot be made everything goes into the tables, which say what is wrong.
        setTimeout(() => (making = false), makeAgainMs).unref();
      }
    });
  }

  /** After a sync that failed nobody knows what is on the disk: from now on only the tables count. */
  async function distrust(): Promise<void> {
    closed = true;
    await made?.folding.settleForGood();
  }

  async function wipe(): Promise<void> {
    if (!made) return;
    do await made.folding.settleForGood();
    while (made.folding.pending);
    made.pair.wipe();
  }

  return {
    note({ statements, keys, refused }, { sync = true, inFlight = 0 }) {
      if (!made) make();
      if (!made || closed || made.folding.stuck) return null;
      const place = made.pair.append(lastNumber + 1, statements);
      if (!place) return null;
      lastNumber += 1;
      made.folding.add({ ...place, number: lastNumber, size: statements.length, keys, refused });
      resting.end();
      return sync && synced ? syncer.wait(place.file, inFlight).catch(distrust) : Promise.resolve();
    },
    holds: (keys) => made?.folding.holds(keys) ?? false,
    settle: async () => made?.folding.settle(lastNumber),
    get pending() {
      return made?.folding.pending ?? false;
    },
    get syncs() {
      return syncer.count;
    },
    wipe,
    async close() {
      closed = true;
      resting.end();
      await syncer.idle();
      await made?.folding.settleForGood();
      made?.folding.stop();
      made?.own.remove();
      made = null;
    },
  };
}

/** Does something when there was rest for a while. */
function createRest(action: () => void): { begin(): void; end(): void } {
  let timer: NodeJS.Timeout | null = null;
  return {
    begin() {
      timer ??= setTimeout(action, restMs).unref();
    },
    end() {
      if (timer) clearTimeout(timer);
      timer = null;
    },
  };
}

function makeFiles(folder: string, start: (pair: FilePair) => Folding): Made {
  const own = createOwnFiles(folder);
  const pair = createFilePair(own.files);
  return { own, pair, folding: start(pair) };
}
