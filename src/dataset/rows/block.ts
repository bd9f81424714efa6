import { crc32 } from 'node:zlib';
import { bandCount } from '../near/signature.ts';
import type { KeptRow, NearKeys, RowKeys } from './types.ts';

/** What became of a row, as far as it is told: of one of which nothing can be told without a word of it, nothing is. */
export const forms = ['untold', 'gone', 'kept', 'kept-with-bands'] as const;
export type Form = (typeof forms)[number];
/** Of the byte that tells form and pair. */
const formBits = 2;

export const pairForms: readonly KeptRow['pair'][] = [null, 'made', 'worse_answer_is_empty', 'both_say_the_same'];

/** What was said of a row, without a word of it. */
export interface ToldResult {
  form: Form;
  pair: KeptRow['pair'];
  /** Null where the row is not kept. */
  keys: RowKeys | null;
  /** JSON; empty where there is no more to tell. */
  extra: string;
}

/** One row as it stands in a block. */
export interface BlockRow extends ToldResult {
  /** Number of the row's kind. */
  kind: number;
  id: string;
  /** 16 bytes, as latin1. */
  contentKey: string;
}

/** Some hundred rows by columns, so that what is asked of one is read where it stands. */
export interface Block {
  rows: number;
  /** All of it, as it stands in the file. */
  bytes: Uint8Array;
  /** The same as numbers: the prompt's key, bands and shingles of a row are some of them. */
  words: Uint32Array;
  kindOf(row: number): number;
  idOf(row: number): string;
  /** Whether that is the row's content key. */
  isKey(row: number, contentKey: string): boolean;
  formOf(row: number): Form;
  pairOf(row: number): KeptRow['pair'];
  extraOf(row: number): string;
  /** Where among `words` the four numbers of the prompt's key begin. */
  promptAt(row: number): number;
  answers: Float64Array;
  worse: Float64Array;
  bare: Float64Array;
  sizes: Uint32Array;
  /** Where among `words` the `bandCount` bands begin. */
  bandsAt(row: number): number;
  /** Where among `words` the shingles begin; of the number after the last row, where they end. */
  shinglesAt(row: number): number;
  row(row: number): BlockRow;
}

/** Rows of a block that is full. */
export const fullBlock = 512;

const numbersOfHead = 8;
export const headBytes = numbersOfHead * 4;
const keyBytes = 16;
const bandBytes = bandCount * 4;
/** What a check sum is over begins behind the length and the sum. */
const summedFrom = 8;

/** How many bytes a block has, by its head; too few for a head that is none. */
export function blockLength(head: Buffer): number {
  return head.readUInt32LE(0);
}

interface Counts {
  rows: number;
  ids: number;
  shingles: number;
  extras: number;
}

/** Where each column begins, widest numbers first so that all are aligned. */
function layoutOf({ rows, ids, shingles, extras }: Counts) {
  const answers = headBytes;
  const worse = answers + rows * 8;
  const bare = worse + rows * 8;
  const sizes = bare + rows * 8;
  const prompts = sizes + rows * 4;
  const bands = prompts + rows * keyBytes;
  const ends = bands + rows * bandBytes;
  const shinglesAt = ends + rows * 3 * 4;
  const contentKeys = shinglesAt + shingles;
  const kinds = contentKeys + rows * keyBytes;
  const told = kinds + rows;
  const idsAt = told + rows;
  const extrasAt = idsAt + ids;
  const length = Math.ceil((extrasAt + extras) / 8) * 8;
  return {
    answers,
    sizes,
    prompts,
    bands,
    ends,
    shinglesAt,
    contentKeys,
    kinds,
    told,
    idsAt,
    extrasAt,
    length,
    worse,
    bare,
  };
}

const noKeys: RowKeys = { prompt: '\0'.repeat(keyBytes), answer: 0, worse: 0, bare: 0, size: 0, near: null };

/** Writes rows as a block. */
export function encodeBlock(rows: readonly BlockRow[]): Uint8Array {
  const extras = rows.map(({ extra }) => Buffer.from(extra));
  const counts: Counts = {
    rows: rows.length,
    ids: sum(rows, ({ id }) => id.length),
    shingles: sum(rows, ({ keys }) => bytesOfShingles(keys)),
    extras: sum(extras, ({ length }) => length),
  };
  const at = layoutOf(counts);
  const bytes = Buffer.from(new ArrayBuffer(at.length));
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, at.length / 4);
  for (const [place, number] of [at.length, 0, ...Object.values(counts)].entries())
    bytes.writeUInt32LE(number, place * 4);
  const ends = { id: 0, shingle: 0, extra: 0 };
  for (const [row, { id, contentKey, form, pair, kind, keys }] of rows.entries()) {
    const extra = extras[row] as Buffer;
    const { prompt, answer, worse, bare, size, near } = keys ?? noKeys;
    for (const [column, number] of [answer, worse, bare].entries())
      bytes.writeDoubleLE(number, at.answers + (column * rows.length + row) * 8);
    bytes.writeUInt32LE(size, at.sizes + row * 4);
    bytes.write(prompt, at.prompts + row * keyBytes, 'latin1');
    bytes.write(contentKey, at.contentKeys + row * keyBytes, 'latin1');
    bytes[at.kinds + row] = kind;
    bytes[at.told + row] = forms.indexOf(form) + (pairForms.indexOf(pair) << formBits);
    bytes.write(id, at.idsAt + ends.id, 'latin1');
    if (near) {
      words.set(near.words.subarray(near.bandsAt, near.bandsAt + bandCount), at.bands / 4 + row * bandCount);
      words.set(near.words.subarray(near.shinglesFrom, near.shinglesTo), (at.shinglesAt + ends.shingle) / 4);
    }
    bytes.set(extra, at.extrasAt + ends.extra);
    ends.shingle += bytesOfShingles(keys);
    ends.id += id.length;
    ends.extra += extra.length;
    for (const [column, end] of Object.values(ends).entries())
      bytes.writeUInt32LE(end, at.ends + (column * rows.length + row) * 4);
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(summedFrom)), 4);
  return bytes;
}

function bytesOfShingles(keys: RowKeys | null): number {
  return keys?.near ? (keys.near.shinglesTo - keys.near.shinglesFrom) * 4 : 0;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((all, item) => all + of(item), 0);
}

/** Reads a block where it stands, in a buffer of its own; null where it is damaged. */
export function decodeBlock(bytes: Buffer): Block | null {
  const numbers = Array.from({ length: numbersOfHead }, (_, place) => bytes.readUInt32LE(place * 4));
  const [length, checkSum, rows = 0, ids = 0, shingles = 0, extras = 0] = numbers;
  const at = layoutOf({ rows, ids, shingles, extras });
  if (at.length !== length || length !== bytes.length || crc32(bytes.subarray(summedFrom)) !== checkSum) return null;
  return new DecodedBlock(bytes, rows, at);
}

class DecodedBlock implements Block {
  readonly bytes: Buffer;
  readonly rows: number;
  readonly words: Uint32Array;
  readonly answers: Float64Array;
  readonly worse: Float64Array;
  readonly bare: Float64Array;
  readonly sizes: Uint32Array;
  readonly #layout: ReturnType<typeof layoutOf>;
  /** Where ids, shingles and extras end, column by column, in bytes. */
  readonly #ends: Uint32Array;
  readonly #ids: string;
  readonly #contentKeys: string;

  constructor(bytes: Buffer, rows: number, layout: ReturnType<typeof layoutOf>) {
    const { buffer, byteOffset } = bytes;
    const doublesAt = (from: number) => new Float64Array(buffer, byteOffset + from, rows);
    this.bytes = bytes;
    this.rows = rows;
    this.#layout = layout;
    this.words = new Uint32Array(buffer, byteOffset, bytes.length / 4);
    this.answers = doublesAt(layout.answers);
    this.worse = doublesAt(layout.worse);
    this.bare = doublesAt(layout.bare);
    this.sizes = new Uint32Array(buffer, byteOffset + layout.sizes, rows);
    this.#ends = new Uint32Array(buffer, byteOffset + layout.ends, rows * 3);
    this.#ids = bytes.toString('latin1', layout.idsAt, layout.extrasAt);
    this.#contentKeys = bytes.toString('latin1', layout.contentKeys, layout.kinds);
  }

  #endOf(column: number, row: number): number {
    return row < 0 ? 0 : (this.#ends[column * this.rows + row] as number);
  }

  kindOf(row: number): number {
    return this.bytes[this.#layout.kinds + row] as number;
  }

  idOf(row: number): string {
    return this.#ids.slice(this.#endOf(0, row - 1), this.#endOf(0, row));
  }

  isKey(row: number, contentKey: string): boolean {
    return this.#contentKeys.startsWith(contentKey, row * keyBytes);
  }

  formOf(row: number): Form {
    return forms[(this.bytes[this.#layout.told + row] as number) & (2 ** formBits - 1)] ?? 'untold';
  }

  pairOf(row: number): KeptRow['pair'] {
    return pairForms[(this.bytes[this.#layout.told + row] as number) >>> formBits] ?? null;
  }

  extraOf(row: number): string {
    const [from, to] = [this.#endOf(2, row - 1), this.#endOf(2, row)];
    return from === to ? '' : this.bytes.toString('utf8', this.#layout.extrasAt + from, this.#layout.extrasAt + to);
  }

  promptAt(row: number): number {
    return (this.#layout.prompts + row * keyBytes) / 4;
  }

  bandsAt(row: number): number {
    return (this.#layout.bands + row * bandBytes) / 4;
  }

  shinglesAt(row: number): number {
    return (this.#layout.shinglesAt + this.#endOf(1, row - 1)) / 4;
  }

  row(row: number): BlockRow {
    const form = this.formOf(row);
    const keysAt = row * keyBytes;
    return {
      form,
      pair: this.pairOf(row),
      keys: form === 'kept' || form === 'kept-with-bands' ? keysIn(this, row) : null,
      extra: this.extraOf(row),
      kind: this.kindOf(row),
      id: this.idOf(row),
      contentKey: this.#contentKeys.slice(keysAt, keysAt + keyBytes),
    };
  }
}

/** The keys of a row that is kept, as when it was looked at. */
export function keysIn(block: Block, row: number): RowKeys {
  const promptAt = block.promptAt(row) * 4;
  return {
    prompt: Buffer.from(block.bytes.buffer, block.bytes.byteOffset + promptAt, keyBytes).toString('latin1'),
    answer: block.answers[row] as number,
    worse: block.worse[row] as number,
    bare: block.bare[row] as number,
    size: block.sizes[row] as number,
    near: block.formOf(row) === 'kept-with-bands' ? copyOf(nearIn(block, row)) : null,
  };
}

/** In memory of its own: a block is let go before long. */
function copyOf({ words, bandsAt, shinglesFrom, shinglesTo }: NearKeys): NearKeys {
  const own = new Uint32Array(bandCount + shinglesTo - shinglesFrom);
  own.set(words.subarray(bandsAt, bandsAt + bandCount));
  own.set(words.subarray(shinglesFrom, shinglesTo), bandCount);
  return { words: own, bandsAt: 0, shinglesFrom: bandCount, shinglesTo: own.length };
}

/** What the document of a row is compared by, where it stands. */
export function nearIn(block: Block, row: number): NearKeys {
  return {
    words: block.words,
    bandsAt: block.bandsAt(row),
    shinglesFrom: block.shinglesAt(row),
    shinglesTo: block.shinglesAt(row + 1),
  };
}
