import { crc32 } from 'node:zlib';
import { bandCount } from '../near/signature.ts';
import type { KeptRow, NearKeys } from './types.ts';

/** What became of a row, as far as it is told: of one of which nothing can be told without a word of it, nothing is. */
export const forms = ['untold', 'gone', 'kept', 'kept-with-bands'] as const;
export type Form = (typeof forms)[number];

export const pairForms: readonly KeptRow['pair'][] = [null, 'made', 'worse_answer_is_empty', 'both_say_the_same'];

/** What was said of a row, without a word of it. */
export interface ToldResult {
  form: Form;
  pair: KeptRow['pair'];
  /** 16 bytes, as latin1; empty where the row is not kept. */
  promptKey: string;
  /** As latin1. */
  answerKey: string;
  bareKey: number;
  size: number;
  near: NearKeys | null;
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
  kindOf(row: number): number;
  idOf(row: number): string;
  /** Whether that is the row's id. */
  isId(row: number, id: string): boolean;
  /** Whether that is the row's content key. */
  isKey(row: number, contentKey: string): boolean;
  isTold(row: number): boolean;
  told(row: number): ToldResult;
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
  answers: number;
  shingles: number;
  extras: number;
}

/** Where each column begins, widest numbers first so that all are aligned. */
function layoutOf({ rows, ids, answers, shingles, extras }: Counts) {
  const bareKeys = headBytes;
  const sizes = bareKeys + rows * 8;
  const bands = sizes + rows * 4;
  const ends = bands + rows * bandBytes;
  const shinglesAt = ends + rows * 4 * 4;
  const contentKeys = shinglesAt + shingles;
  const promptKeys = contentKeys + rows * keyBytes;
  const kinds = promptKeys + rows * keyBytes;
  const told = kinds + rows;
  const idsAt = told + rows;
  const answersAt = idsAt + ids;
  const extrasAt = answersAt + answers;
  const length = Math.ceil((extrasAt + extras) / 8) * 8;
  return {
    bareKeys,
    sizes,
    bands,
    ends,
    shinglesAt,
    contentKeys,
    promptKeys,
    kinds,
    told,
    idsAt,
    answersAt,
    extrasAt,
    length,
  };
}

/** Writes rows as a block. */
export function encodeBlock(rows: readonly BlockRow[]): Uint8Array {
  const extras = rows.map(({ extra }) => Buffer.from(extra));
  const counts: Counts = {
    rows: rows.length,
    ids: sum(rows, ({ id }) => id.length),
    answers: sum(rows, ({ answerKey }) => answerKey.length),
    shingles: sum(rows, ({ near }) => (near ? (near.shinglesTo - near.shinglesFrom) * 4 : 0)),
    extras: sum(extras, ({ length }) => length),
  };
  const at = layoutOf(counts);
  const bytes = Buffer.from(new ArrayBuffer(at.length));
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, at.length / 4);
  for (const [place, number] of [at.length, 0, ...Object.values(counts)].entries())
    bytes.writeUInt32LE(number, place * 4);
  const ends = { id: 0, answer: 0, shingle: 0, extra: 0 };
  for (const [row, { id, contentKey, promptKey, answerKey, near, ...one }] of rows.entries()) {
    const extra = extras[row] as Buffer;
    bytes.writeDoubleLE(one.bareKey, at.bareKeys + row * 8);
    bytes.writeUInt32LE(one.size, at.sizes + row * 4);
    bytes.write(contentKey, at.contentKeys + row * keyBytes, 'latin1');
    bytes.write(promptKey, at.promptKeys + row * keyBytes, 'latin1');
    bytes[at.kinds + row] = one.kind;
    bytes[at.told + row] = forms.indexOf(one.form) + forms.length * pairForms.indexOf(one.pair);
    bytes.write(id, at.idsAt + ends.id, 'latin1');
    bytes.write(answerKey, at.answersAt + ends.answer, 'latin1');
    if (near) {
      words.set(near.words.subarray(near.bandsAt, near.bandsAt + bandCount), at.bands / 4 + row * bandCount);
      words.set(near.words.subarray(near.shinglesFrom, near.shinglesTo), (at.shinglesAt + ends.shingle) / 4);
      ends.shingle += (near.shinglesTo - near.shinglesFrom) * 4;
    }
    bytes.set(extra, at.extrasAt + ends.extra);
    ends.id += id.length;
    ends.answer += answerKey.length;
    ends.extra += extra.length;
    for (const [column, end] of Object.values(ends).entries())
      bytes.writeUInt32LE(end, at.ends + (column * rows.length + row) * 4);
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(summedFrom)), 4);
  return bytes;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((all, item) => all + of(item), 0);
}

/** Reads a block where it stands, in a buffer of its own; null where it is damaged. */
export function decodeBlock(bytes: Buffer): Block | null {
  const numbers = Array.from({ length: numbersOfHead }, (_, place) => bytes.readUInt32LE(place * 4));
  const [length, checkSum, rows = 0, ids = 0, answers = 0, shingles = 0, extras = 0] = numbers;
  const at = layoutOf({ rows, ids, answers, shingles, extras });
  if (at.length !== length || length !== bytes.length || crc32(bytes.subarray(summedFrom)) !== checkSum) return null;
  const { buffer, byteOffset } = bytes;
  const numbersAt = (from: number, count: number) => new Uint32Array(buffer, byteOffset + from, count);
  const ends = numbersAt(at.ends, rows * 4);
  const startOf = (column: number, row: number) => (row === 0 ? 0 : (ends[column * rows + row - 1] as number));
  const endOf = (column: number, row: number) => ends[column * rows + row] as number;
  const sizes = numbersAt(at.sizes, rows);
  const bareKeys = new Float64Array(buffer, byteOffset + at.bareKeys, rows);
  const contentKeys = bytes.toString('latin1', at.contentKeys, at.promptKeys);
  const promptKeys = bytes.toString('latin1', at.promptKeys, at.kinds);
  const idText = bytes.toString('latin1', at.idsAt, at.answersAt);
  const answerKeys = bytes.toString('latin1', at.answersAt, at.extrasAt);
  const words = numbersAt(0, length / 4);
  const nearOf = (row: number): NearKeys => {
    const [from, to] = [startOf(2, row), endOf(2, row)];
    const shinglesFrom = (at.shinglesAt + from) / 4;
    return { words, bandsAt: at.bands / 4 + row * bandCount, shinglesFrom, shinglesTo: shinglesFrom + (to - from) / 4 };
  };
  const extraOf = (row: number): string => {
    const [from, to] = [startOf(3, row), endOf(3, row)];
    return from === to ? '' : bytes.toString('utf8', at.extrasAt + from, at.extrasAt + to);
  };
  const idOf = (row: number): string => idText.slice(startOf(0, row), endOf(0, row));
  const told = (row: number): ToldResult => {
    const number = bytes[at.told + row] as number;
    const form = forms[number % forms.length] ?? 'untold';
    const isKept = form === 'kept' || form === 'kept-with-bands';
    return {
      form,
      pair: pairForms[Math.floor(number / forms.length)] ?? null,
      promptKey: isKept ? promptKeys.slice(row * keyBytes, (row + 1) * keyBytes) : '',
      answerKey: answerKeys.slice(startOf(1, row), endOf(1, row)),
      bareKey: bareKeys[row] as number,
      size: sizes[row] as number,
      near: form === 'kept-with-bands' ? nearOf(row) : null,
      extra: extraOf(row),
    };
  };
  return {
    rows,
    bytes,
    kindOf: (row) => bytes[at.kinds + row] as number,
    idOf,
    isId: (row, id) => endOf(0, row) - startOf(0, row) === id.length && idText.startsWith(id, startOf(0, row)),
    isKey: (row, contentKey) => contentKeys.startsWith(contentKey, row * keyBytes),
    isTold: (row) => (bytes[at.told + row] as number) % forms.length !== 0,
    told,
    row: (row) => ({
      ...told(row),
      kind: bytes[at.kinds + row] as number,
      id: idOf(row),
      contentKey: contentKeys.slice(row * keyBytes, (row + 1) * keyBytes),
    }),
  };
}
