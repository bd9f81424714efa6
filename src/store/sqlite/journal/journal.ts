import { RatchetError, asRatchetError } from '../../../core/errors.ts';
import { type Database, type Statement, unavailable } from '../../database.ts';
import type { Journal, NotedBatch } from '../../journal.ts';
import type { RecordRange } from '../protocol.ts';
import type { JournalFile } from './file.ts';
import { type OwnFiles, createOwnFiles } from './folder.ts';
import { createSyncer } from './syncer.ts';

/** How long a batch stays out of the tables, so that others come with it, in ms. */
const gatherMs = 25;
/** With so many statements they go at once: one transaction takes no more. */
const mostStatements = 900;
/** When nothing came for so long the files are wiped, in ms. */
const restMs = 1_000;
/** How soon the tables are tried again, in ms. */
const retryMs = 500;

export interface OwnJournal extends Journal {
  /** Whether anything is not in the tables. */
  readonly pending: boolean;
  readonly syncs: number;
  /** Leaves nothing in the files of what is in the tables. */
  wipe(): Promise<void>;
  /** Brings all into the tables and takes the files away; they stay where that fails. */
  close(): Promise<void>;
}

export interface JournalOptions {
  folder: string;
  /** The tables. */
  beneath: Database;
  /** Brings records of a file into the tables, in one transaction. */
  writeRecords(records: RecordRange[], sync: boolean): Promise<void>;
  /** Whether a sync is one. */
  synced: boolean;
}

interface Entry extends Pick<NotedBatch, 'keys' | 'refused'> {
  number: number;
  file: JournalFile;
  /** Where it stands in the file, in bytes. */
  from: number;
  to: number;
}

/** Creates the journal of this process. Its files are made when there is something to take down. */
export function createJournal({ folder, beneath, writeRecords, synced }: JournalOptions): OwnJournal {
  const syncer = createSyncer<JournalFile>();
  const keys = new Map<string, number>();
  let entries: Entry[] = [];
  let statements = 0;
  let lastNumber = 0;
  let own: OwnFiles | null = null;
  let current: JournalFile | null = null;
  let other: JournalFile | null = null;
  /** The other file has batches that are not known to be in the tables for good. */
  let retired = false;
  let making = false;
  /** Why the tables do not take what is here. */
  let stuck: RatchetError | null = null;
  /** It is not used any more. */
  let closed = false;
  /** Transactions of ours since the last one that is known to be synced. */
  let unsynced = 0;
  let folding: Promise<void> | null = null;
  let timer: NodeJS.Timeout | null = null;
  let resting: NodeJS.Timeout | null = null;

  /** Not while somebody waits: it takes some milliseconds. */
  function make(): void {
    if (making) return;
    making = true;
    setImmediate(() => {
      try {
        if (!closed) {
          own = createOwnFiles(folder);
          [current, other] = own.files;
        }
      } catch {
        // Without room for it everything goes into the tables, which say what is wrong.
        setTimeout(() => (making = false), 60_000).unref();
      }
    });
  }

  function append(batch: readonly Statement[]): Pick<Entry, 'file' | 'from' | 'to'> | null {
    try {
      let from = current?.end ?? 0;
      let how = current?.append(lastNumber + 1, batch);
      if (how === 'full' && !retired && other) {
        [current, other] = [other, current];
        retired = true;
        current.rewind();
        from = 0;
        how = current.append(lastNumber + 1, batch);
      }
      return how === 'done' && current ? { file: current, from, to: current.end } : null;
    } catch {
      return null;
    }
  }

  function note(batch: NotedBatch, { sync = true, inFlight = 0 }: { sync?: boolean; inFlight?: number }) {
    if (closed || stuck) return null;
    if (!current) {
      make();
      return null;
    }
    const place = append(batch.statements);
    if (!place) return null;
    lastNumber += 1;
    entries.push({ number: lastNumber, keys: batch.keys, refused: batch.refused, ...place });
    statements += batch.statements.length;
    for (const key of batch.keys) keys.set(key, (keys.get(key) ?? 0) + 1);
    if (resting) clearTimeout(resting);
    resting = null;
    schedule(statements > mostStatements ? 0 : gatherMs);
    return sync && synced ? syncer.wait(place.file, inFlight).catch(distrust) : Promise.resolve();
  }

  /** After a sync that failed nobody knows what is on the disk: from now on only the tables count. */
  async function distrust(): Promise<void> {
    closed = true;
    await settleAll();
  }

  function schedule(ms: number): void {
    if (timer && ms > 0) return;
    if (timer) clearTimeout(timer);
    timer = setTimeout(() => {
      timer = null;
      fold().catch(() => undefined);
    }, ms);
  }

  /** Brings what is here into the tables. */
  function fold(): Promise<void> {
    folding ??= foldOnce().finally(() => {
      folding = null;
      if (entries.length > 0) schedule(stuck ? retryMs : gatherMs);
      else rest();
    });
    return folding;
  }

  async function foldOnce(): Promise<void> {
    if (entries.length === 0) return;
    const taken = entries;
    const sync = retired || closed;
    entries = [];
    statements = 0;
    stuck = null;
    const left = await writeAll(taken, sync);
    entries = [...left, ...entries];
    for (const { keys: some } of taken.slice(0, taken.length - left.length)) forget(some);
    unsynced = sync && !stuck ? 0 : unsynced + 1;
    if (stuck) throw stuck;
    if (sync && !entries.some(({ file }) => file === other)) retired = false;
  }

  /** Together, or one by one when that cannot be. Gives back those that have to be tried again. */
  async function writeAll(taken: readonly Entry[], sync: boolean): Promise<readonly Entry[]> {
    try {
      await writeRecords(rangesOf(taken), sync);
      return [];
    } catch (error) {
      stuck = asRatchetError(error);
    }
    if (stuck.code !== 'Conflict') return taken;
    stuck = null;
    for (const [at, entry] of taken.entries()) {
      if (!(await writeOne(entry, sync))) return taken.slice(at);
    }
    return [];
  }

  /** False for one that has to be tried again, and all that follow it. */
  async function writeOne(entry: Entry, sync: boolean): Promise<boolean> {
    const { file, from, to, refused } = entry;
    try {
      await writeRecords([[file.path, from, to, 1]], sync);
    } catch (error) {
      stuck = asRatchetError(error);
    }
    if (stuck?.code !== 'Conflict') return !stuck;
    stuck = null;
    try {
      await refused(beneath);
    } catch (error) {
      const { code } = asRatchetError(error);
      // The tables know better: it is there already, or was erased.
      if (code !== 'Conflict' && code !== 'NotFound') stuck = asRatchetError(error);
    }
    return !stuck;
  }

  function forget(some: readonly string[]): void {
    for (const key of some) {
      const count = keys.get(key) ?? 0;
      if (count > 1) keys.set(key, count - 1);
      else keys.delete(key);
    }
  }

  async function settle(): Promise<void> {
    const upTo = lastNumber;
    if (folding) await folding.catch(() => undefined);
    while (entries[0] && entries[0].number <= upTo) await fold();
  }

  /** As `settle`, and for good. */
  async function settleAll(): Promise<void> {
    if (folding) await folding.catch(() => undefined);
    while (entries.length > 0 || unsynced > 0) {
      const before = unsynced;
      if (entries.length > 0) await fold();
      else await beneath.write([touch], { sync: true });
      if (entries.length === 0 && unsynced === before) unsynced = 0;
    }
  }

  function rest(): void {
    if (closed || !own) return;
    resting ??= setTimeout(() => {
      resting = null;
      wipe().catch(() => undefined);
    }, restMs).unref();
  }

  async function wipe(): Promise<void> {
    for (let more = own !== null; more; ) {
      await settleAll();
      more = pending();
      if (more) continue;
      for (const file of own?.files ?? []) file.wipe();
      retired = false;
    }
  }

  function pending(): boolean {
    return entries.length > 0 || folding !== null;
  }

  return {
    note,
    holds: (some) => keys.size > 0 && some.some((key) => keys.has(key)),
    settle,
    get pending() {
      return pending();
    },
    get syncs() {
      return syncer.count;
    },
    wipe,
    async close() {
      closed = true;
      if (resting) clearTimeout(resting);
      await syncer.idle();
      await settleAll();
      if (timer) clearTimeout(timer);
      own?.remove();
      own = null;
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

/** Changes nothing, but is a transaction whose sync covers those before it. */
const touch: Statement = { sql: 'update installation set hmac_key = hmac_key', parameters: [] };
