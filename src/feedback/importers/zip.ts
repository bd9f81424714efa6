import { Readable } from 'node:stream';
import yauzl from 'yauzl';
import { RatchetError } from '../../core/errors.ts';
import type { ImportSource } from './types.ts';

/** A file in a zip file. */
export interface ZipMember {
  name: string;
  /** Its bytes as they are unpacked. Throws InvalidInput when they cannot be. */
  bytes(): AsyncIterable<Uint8Array>;
}

/** How much is read at once, in bytes. */
const pieceBytes = 256 * 1024;

/** Whether the beginning of a file is that of a zip file. */
export function looksZipped(text: string): boolean {
  return text.startsWith('PK\u0003\u0004');
}

/** The files of a zip file whose names are wanted, by their names. Nothing is written. Throws InvalidInput. */
export async function zipMembers(source: ImportSource, wanted: (name: string) => boolean): Promise<ZipMember[]> {
  const members: ZipMember[] = [];
  try {
    const zip = await yauzl.fromRandomAccessReaderPromise(new SourceReader(source), source.size, { autoClose: false });
    for await (const entry of zip.eachEntry()) {
      const name = entry.fileName.split('/').at(-1) ?? '';
      if (wanted(name))
        members.push({ name, bytes: () => unpacked(source.name, () => zip.openReadStreamPromise(entry)) });
    }
  } catch (error) {
    throw faultOf(source.name, error);
  }
  return members.sort((one, other) => (one.name < other.name ? -1 : 1));
}

async function* unpacked(file: string, open: () => Promise<Readable>): AsyncGenerator<Uint8Array> {
  const stream = await open().catch((error: unknown) => {
    throw faultOf(file, error);
  });
  const pieces = stream[Symbol.asyncIterator]();
  for (;;) {
    const next: IteratorResult<unknown> = await pieces.next().catch((error: unknown) => {
      throw faultOf(file, error);
    });
    if (next.done) return;
    if (next.value instanceof Uint8Array) yield next.value;
  }
}

function faultOf(file: string, cause: unknown): RatchetError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new RatchetError('InvalidInput', `${file} cannot be unpacked (${reason}): download the export again.`, {
    cause,
  });
}

/** What yauzl reads through. */
class SourceReader extends yauzl.RandomAccessReader {
  readonly #source: ImportSource;

  constructor(source: ImportSource) {
    super();
    this.#source = source;
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(piecesOf(this.#source, start, end), { objectMode: false });
  }
}

async function* piecesOf(source: ImportSource, start: number, end: number): AsyncGenerator<Uint8Array> {
  for (let from = start; from < end; from += pieceBytes) yield source.slice(from, Math.min(from + pieceBytes, end));
}
