import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { isErrno } from '../core/errors.ts';
import { bytesOf } from './bytes-of.ts';
import type { NearPair } from './near/clusters.ts';
import type { Similarity } from './near/similarity.ts';
import { createNumbers } from './numbers.ts';
import { ownedName } from './owned.ts';

/** What was found when rows were compared with each other, by places of rows: no word of them, nor a name. */
export interface Findings {
  /** Jaccard index from which on two were alike. */
  threshold: number;
  /** Names what nodes say of their splits by. */
  shares: string;
  /**
   * By place: in which split a row's node stood, with 4 where the row is in the version, 8 where it is in a large group, and 16 times
   * the split that the node said itself; 255 of rows that are not compared.
   */
  labels: Uint8Array;
  /** By place: the number of a row's node, and of its prompt; `noNumber` of rows that became no drafts. */
  nodes: Uint32Array;
  prompts: Uint32Array;
  /** The closest two rows of the version across splits, by place. */
  closest: NearPair | null;
  /** Pairs that hold clusters together, each as those that were compared. */
  edges: Float64Array;
  /** Pairs that were compared, the place of the first times the number of rows and that of the second together; ascending. */
  pairs: Float64Array;
  /** Their similarity where it reached the threshold, else −1. */
  similarities: Float64Array;
}

export const noNumber = 2 ** 32 - 1;

interface Head extends Pick<Findings, 'threshold' | 'shares' | 'closest'> {
  /** Names the rows that the places are of. */
  rows: string;
  places: number;
  edges: number;
  pairs: number;
}

const headAt = 8;

/** Reads what is kept of these rows; null where there is nothing, or it is of others, or damaged. */
export function readFindings(path: string, rows: string, threshold: number): Findings | null {
  try {
    const file = readFileSync(path);
    const headEnd = headAt + file.readUInt32LE(4);
    if (crc32(file.subarray(4)) !== file.readUInt32LE(0)) return null;
    const head = JSON.parse(file.toString('utf8', headAt, headEnd)) as Head;
    if (head.rows !== rows || head.threshold !== threshold) return null;
    let at = headEnd;
    const next = (bytes: number): ArrayBuffer => {
      const from = file.byteOffset + at;
      at += bytes;
      return file.buffer.slice(from, from + bytes);
    };
    const doubles = (count: number): Float64Array => new Float64Array(next(count * 8));
    return {
      threshold,
      shares: head.shares,
      labels: new Uint8Array(next(head.places)),
      nodes: new Uint32Array(next(head.places * 4)),
      prompts: new Uint32Array(next(head.places * 4)),
      closest: head.closest,
      edges: doubles(head.edges),
      pairs: doubles(head.pairs),
      similarities: doubles(head.pairs),
    };
  } catch (error) {
    if (isErrno(error, 'ENOENT') || error instanceof RangeError || error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Writes what was found aside, then into place. Where the folder is gone, as somebody was forgotten, nothing is kept. */
export function writeFindings(path: string, rows: string, findings: Findings): void {
  const { threshold, shares, closest, labels, nodes, prompts, edges, pairs, similarities } = findings;
  const head: Head = {
    rows,
    threshold,
    shares,
    closest,
    places: labels.length,
    edges: edges.length,
    pairs: pairs.length,
  };
  const text = Buffer.from(JSON.stringify(head));
  const lengths = Buffer.alloc(headAt);
  lengths.writeUInt32LE(text.length, 4);
  const columns = [labels, nodes, prompts, edges, pairs, similarities].map((column) => bytesOf(column));
  const bytes = Buffer.concat([lengths, text, ...columns]);
  bytes.writeUInt32LE(crc32(bytes.subarray(4)), 0);
  const aside = join(dirname(path), ownedName('.writing-'));
  try {
    writeFileSync(aside, bytes, { flag: 'wx', mode: 0o600 });
    renameSync(aside, path);
  } catch (error) {
    rmSync(aside, { force: true });
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

/** Compares documents, and remembers what it found. */
interface Remembering {
  similarity: Similarity;
  /** Every pair that was compared, as findings have them. */
  found(): Pick<Findings, 'pairs' | 'similarities'>;
}

/**
 * Looks up what was found of two rows before, and compares those of which nothing is known. All that is asked is at which similarity
 * they are alike, which is the findings' threshold.
 */
export function createRemembering(
  compare: Similarity,
  { before, placeOf, formerPlaceOf, rows }: Remembered,
): Remembering {
  const keys = createNumbers();
  const values = createNumbers();
  const lookUp = before && createLookUp(before);
  return {
    similarity(a, b, least) {
      const known = lookUp && lookUp(formerPlaceOf(Math.min(a, b)), formerPlaceOf(Math.max(a, b)));
      const similarity = known ?? compare(a, b, least);
      keys.add(placeOf(Math.min(a, b)) * rows + placeOf(Math.max(a, b)));
      values.add(similarity);
      return similarity;
    },
    found() {
      const [all, similarities] = [keys.all(), values.all()];
      const sorted = all.slice().sort();
      let count = 0;
      for (const key of sorted) if (count === 0 || key !== sorted[count - 1]) sorted[count++] = key;
      const pairs = sorted.slice(0, count);
      const placeOf = placesIn(pairs, rows);
      const found = new Float64Array(count);
      for (let at = 0; at < all.length; at += 1) found[placeOf(all[at] as number)] = similarities[at] as number;
      return { pairs, similarities: found };
    },
  };
}

interface Remembered {
  before: Findings | null;
  /** The place of a document's row, and that which it had before, or −1. */
  placeOf: (document: number) => number;
  formerPlaceOf: (document: number) => number;
  /** How many rows there are. */
  rows: number;
}

/** Looks pairs up; says the similarity that was found, null where nothing was. */
function createLookUp({ pairs, similarities, labels }: Findings): (a: number, b: number) => number | null {
  const rows = labels.length;
  const placeOf = placesIn(pairs, rows);
  return (a, b) => {
    if (a < 0 || b < 0) return null;
    const at = placeOf(a * rows + b);
    return pairs[at] === a * rows + b ? (similarities[at] as number) : null;
  };
}

/** Finds the place of a key among ascending ones, or where it would be, by the first of the two rows: few have more than one. */
function placesIn(pairs: Float64Array, rows: number): (key: number) => number {
  const starts = new Uint32Array(rows + 1);
  for (let at = 0; at < pairs.length; at += 1) (starts[Math.floor((pairs[at] as number) / rows) + 1] as number) += 1;
  for (let row = 0; row < rows; row += 1) (starts[row + 1] as number) += starts[row] as number;
  return (key) => {
    const row = Math.floor(key / rows);
    return placeIn(pairs, key, { from: starts[row] as number, to: starts[row + 1] as number });
  };
}

/** Where a key is among ascending ones, or would be. */
function placeIn(pairs: Float64Array, key: number, among: { from: number; to: number }): number {
  let { from, to } = among;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((pairs[middle] as number) < key) from = middle + 1;
    else to = middle;
  }
  return from;
}
