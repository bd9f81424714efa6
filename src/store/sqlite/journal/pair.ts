import type { Statement } from '../../database.ts';
import type { JournalFile } from './file.ts';

/** Where a batch stands, in bytes. */
export interface Place {
  file: JournalFile;
  from: number;
  to: number;
}

/** Two files that are written in turn: while one fills, what the other holds comes into the tables. */
export interface FilePair {
  /** Null when it cannot be taken down: there is no room, the disk refuses it, or it is none for a journal. */
  append(number: number, statements: readonly Statement[]): Place | null;
  /** Whether the full file may hold what is not in the tables for good; then nobody has turned to it again. */
  readonly waits: boolean;
  /** Told, after a synced transaction, which places are not in the tables yet. */
  written(left: readonly Place[]): void;
  /** Leaves nothing in either. */
  wipe(): void;
}

/** Creates the pair of two files that are empty. */
export function createFilePair([first, second]: readonly [JournalFile, JournalFile]): FilePair {
  let [current, other] = [first, second];
  let waits = false;

  function appendHere(number: number, statements: readonly Statement[]): Place | 'full' | 'unfit' {
    const from = current.end;
    const how = current.append(number, statements);
    return how === 'done' ? { file: current, from, to: current.end } : how;
  }

  function turn(): void {
    [current, other] = [other, current];
    waits = true;
    current.rewind();
  }

  return {
    append(number, statements) {
      try {
        let place = appendHere(number, statements);
        if (place === 'full' && !waits) {
          turn();
          place = appendHere(number, statements);
        }
        return typeof place === 'string' ? null : place;
      } catch {
        // The tables will say what is wrong with the disk.
        return null;
      }
    },
    get waits() {
      return waits;
    },
    written(left) {
      if (!left.some(({ file }) => file === other)) waits = false;
    },
    wipe() {
      first.wipe();
      second.wipe();
      waits = false;
    },
  };
}
