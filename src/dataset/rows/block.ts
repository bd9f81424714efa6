import { crc32 } from 'node:zlib';
import { headLength } from '../near/head.ts';
import { bandCount } from '../near/signature.ts';
import type { KeptShingles } from './segments.ts';
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

/** What a document is compared by, of which the first shingles stand in a block, and all in a segment. */
export interface KeptNear {
  words: Uint32Array;
  /** Where among these its `bandCount` bands begin. */
  bandsAt: number;
  headFrom: number;
  headTo: number;
  shingles: KeptShingles;
}

export interface KeptKeys extends Omit<RowKeys, 'near'> {
  near: KeptNear | null;
}

/** So many of the first shingles stand in a block as are looked at for documents that are this similar. */
export const keptThreshold = 0.8;

/** What is kept of the keys of a row whose shingles stand there. */
export function keptNear({ words, bandsAt, shinglesFrom }: NearKeys, shingles: KeptShingles): KeptNear {
  const headTo = shinglesFrom + headLength(shingles.size, keptThreshold);
  return { words, bandsAt, headFrom: shinglesFrom, headTo, shingles };
}

/** One row as it stands in a block. */
export interface BlockRow extends Omit<ToldResult, 'keys'> {
  /** Null where the row is not kept. */
  keys: KeptKeys | null;
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
  /** How many shingles its rows have. */
  shingles: number;
  /** The same as numbers: the prompt's key, bands and first shingles of a row are some of them. */
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
  /** Where among `words` the first shingles begin; of the number after the last row, where they end. */
  headAt(row: number): number;
  /** Where all of them stand, by columns as `KeptShingles` has them. */
  segments: Uint8Array;
  froms: Float64Array;
  lengths: Uint32Array;
  checks: Uint32Array;
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
  /** In bytes, as the others; but for shingles, which stand elsewhere. */
  ids: number;
  heads: number;
  extras: number;
  shingles: number;
}

/** Where each column begins, widest numbers first so that all are aligned. */
function layoutOf({ rows, ids, heads, extras }: Omit<Counts, 'shingles'>) {
  const answers = headBytes;
  const worse = answers + rows * 8;
  const bare = worse + rows * 8;
  const froms = bare + rows * 8;
  const sizes = froms + rows * 8;
  const prompts = sizes + rows * 4;
  const bands = prompts + rows * keyBytes;
  const lengths = bands + rows * bandBytes;
  const checks = lengths + rows * 4;
  const ends = checks + rows * 4;
  const headsAt = ends + rows * 3 * 4;
  const contentKeys = headsAt + heads;
  const kinds = contentKeys + rows * keyBytes;
  const told = kinds + rows;
  const segments = told + rows;
  const idsAt = segments + rows;
  const extrasAt = idsAt + ids;
  const length = Math.ceil((extrasAt + extras) / 8) * 8;
  return {
    answers,
    sizes,
    prompts,
    bands,
    lengths,
    checks,
    ends,
    headsAt,
    contentKeys,
    kinds,
    told,
    segments,
    idsAt,
    extrasAt,
    length,
    worse,
    bare,
    froms,
  };
}

const noKeys: KeptKeys = { prompt: '\0'.repeat(keyBytes), answer: 0, worse: 0, bare: 0, size: 0, near: null };

/** Writes rows as a block. */
export function encodeBlock(rows: readonly BlockRow[]): Uint8Array {
  const extras = rows.map(({ extra }) => Buffer.from(extra));
  const counts: Counts = {
    rows: rows.length,
    ids: sum(rows, ({ id }) => id.length),
    heads: sum(rows, ({ keys }) => bytesOfHead(keys)),
    extras: sum(extras, ({ length }) => length),
    shingles: sum(rows, ({ keys }) => keys?.near?.shingles.size ?? 0),
  };
  const at = layoutOf(counts);
  const bytes = Buffer.from(new ArrayBuffer(at.length));
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, at.length / 4);
  for (const [place, number] of [at.length, 0, ...Object.values(counts)].entries())
    bytes.writeUInt32LE(number, place * 4);
  const ends = { id: 0, head: 0, extra: 0 };
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
      words.set(near.words.subarray(near.headFrom, near.headTo), (at.headsAt + ends.head) / 4);
      const { segment, from, size: length, check } = near.shingles;
      bytes[at.segments + row] = segment;
      bytes.writeDoubleLE(from, at.froms + row * 8);
      bytes.writeUInt32LE(length, at.lengths + row * 4);
      bytes.writeUInt32LE(check, at.checks + row * 4);
    }
    bytes.set(extra, at.extrasAt + ends.extra);
    ends.head += bytesOfHead(keys);
    ends.id += id.length;
    ends.extra += extra.length;
    for (const [column, end] of Object.values(ends).entries())
      bytes.writeUInt32LE(end, at.ends + (column * rows.length + row) * 4);
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(summedFrom)), 4);
  return bytes;
}

function bytesOfHead(keys: KeptKeys | null): number {
  return keys?.near ? (keys.near.headTo - keys.near.headFrom) * 4 : 0;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((all, item) => all + of(item), 0);
}

/** Reads a block where it stands, in a buffer of its own; null where it is damaged. */
export function decodeBlock(bytes: Buffer): Block | null {
  const numbers = Array.from({ length: numbersOfHead }, (_, place) => bytes.readUInt32LE(place * 4));
  const [length, checkSum, rows = 0, ids = 0, heads = 0, extras = 0, shingles = 0] = numbers;
  const at = layoutOf({ rows, ids, heads, extras });
  if (at.length !== length || length !== bytes.length || crc32(bytes.subarray(summedFrom)) !== checkSum) return null;
  return new DecodedBlock(bytes, { rows, shingles }, at);
}

class DecodedBlock implements Block {
  readonly bytes: Buffer;
  readonly rows: number;
  readonly shingles: number;
  readonly words: Uint32Array;
  readonly segments: Uint8Array;
  readonly froms: Float64Array;
  readonly lengths: Uint32Array;
  readonly checks: Uint32Array;
  readonly answers: Float64Array;
  readonly worse: Float64Array;
  readonly bare: Float64Array;
  readonly sizes: Uint32Array;
  readonly #layout: ReturnType<typeof layoutOf>;
  /** Where ids, first shingles and extras end, column by column, in bytes. */
  readonly #ends: Uint32Array;
  readonly #ids: string;
  readonly #contentKeys: string;

  constructor(
    bytes: Buffer,
    { rows, shingles }: Pick<Counts, 'rows' | 'shingles'>,
    layout: ReturnType<typeof layoutOf>,
  ) {
    const { buffer, byteOffset } = bytes;
    const doublesAt = (from: number) => new Float64Array(buffer, byteOffset + from, rows);
    const numbersAt = (from: number, count = rows) => new Uint32Array(buffer, byteOffset + from, count);
    this.bytes = bytes;
    this.rows = rows;
    this.shingles = shingles;
    this.#layout = layout;
    this.words = numbersAt(0, bytes.length / 4);
    this.answers = doublesAt(layout.answers);
    this.worse = doublesAt(layout.worse);
    this.bare = doublesAt(layout.bare);
    this.sizes = numbersAt(layout.sizes);
    this.segments = new Uint8Array(buffer, byteOffset + layout.segments, rows);
    this.froms = doublesAt(layout.froms);
    this.lengths = numbersAt(layout.lengths);
    this.checks = numbersAt(layout.checks);
    this.#ends = numbersAt(layout.ends, rows * 3);
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

  headAt(row: number): number {
    return (this.#layout.headsAt + this.#endOf(1, row - 1)) / 4;
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

/** The keys of a row that is kept. */
function keysIn(block: Block, row: number): KeptKeys {
  const promptAt = block.promptAt(row) * 4;
  return {
    prompt: Buffer.from(block.bytes.buffer, block.bytes.byteOffset + promptAt, keyBytes).toString('latin1'),
    answer: block.answers[row] as number,
    worse: block.worse[row] as number,
    bare: block.bare[row] as number,
    size: block.sizes[row] as number,
    near: block.formOf(row) === 'kept-with-bands' ? nearIn(block, row) : null,
  };
}

/** In memory of its own: a block is let go before long. */
function nearIn(block: Block, row: number): KeptNear {
  const { words } = block;
  const [bandsAt, headFrom, headTo] = [block.bandsAt(row), block.headAt(row), block.headAt(row + 1)];
  const own = new Uint32Array(bandCount + headTo - headFrom);
  own.set(words.subarray(bandsAt, bandsAt + bandCount));
  own.set(words.subarray(headFrom, headTo), bandCount);
  return { words: own, bandsAt: 0, headFrom: bandCount, headTo: own.length, shingles: shinglesIn(block, row) };
}

function shinglesIn({ segments, froms, lengths, checks }: Block, row: number): KeptShingles {
  return {
    segment: segments[row] as number,
    from: froms[row] as number,
    size: lengths[row] as number,
    check: checks[row] as number,
  };
}
