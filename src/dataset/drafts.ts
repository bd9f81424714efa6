import type { LearnedSignal } from '../core/dataset.ts';
import type { Draft } from './draft.ts';
import { type Entry, type Kind, type Rating, kinds } from './entry.ts';
import { type NameIds, createNameIds } from './name-ids.ts';
import { type Names, createNames } from './names.ts';
import { withRoom } from './with-room.ts';

/** Numbers of the kinds, as columns have them. */
export const learn = kinds.indexOf('learn');
export const reject = kinds.indexOf('reject');
export const prefer = kinds.indexOf('prefer');

/** As `indexOf`, for every draft. */
function numberOfKind(kind: Kind): number {
  return kind === 'learn' ? learn : kind === 'reject' ? reject : kinds.indexOf(kind);
}

/** What was said of an answer, by the numbers that columns have. */
const signals: readonly (LearnedSignal | null)[] = [null, 'approved', 'corrected'];
export const approved = signals.indexOf('approved');
export const corrected = signals.indexOf('corrected');

function numberOfSignal(signal: LearnedSignal | null): number {
  return signal === 'approved' ? approved : signal === 'corrected' ? corrected : 0;
}

/**
 * What a build knows of its entries but for their texts, by columns: a draft is named by its index, which counts up in the order in
 * which entries came. So a million of them are a few arrays, and what goes through all looks at those that it needs.
 */
export interface Drafts {
  readonly count: number;
  /** By index. */
  readonly ids: Names;
  readonly kind: Uint8Array;
  readonly signal: Uint8Array;
  /** Who wrote it, by its number in `authors`. */
  readonly author: Uint32Array;
  readonly authors: NameIds;
  /** By its number in `topics`, of which the empty one stands for none. */
  readonly topic: Uint32Array;
  readonly topics: NameIds;
  /** When the newest feedback was given, in ms. */
  readonly at: Float64Array;
  /** By its number in `raterLists`. */
  readonly raters: Uint32Array;
  readonly raterLists: readonly (readonly string[])[];
  readonly ratings: readonly (readonly Rating[])[];
  readonly corrections: readonly (readonly string[])[];
  /** The same number for the same node, counted up from 0; those of `nodes`. */
  readonly node: Uint32Array;
  readonly nodes: NameIds;
  /** The same number for the same normalised messages before the answer, and tools; below `prompts`. */
  readonly prompt: Uint32Array;
  readonly prompts: number;
  /** Names the normalised answer, in 53 bits; of a preference the better one. It is asked for within a prompt only. */
  readonly answer: Float64Array;
  /** Names a preference's worse answer; −1 in what is none. */
  readonly worse: Float64Array;
  /** Names what words and calls the answer has, in 53 bits. */
  readonly bare: Float64Array;
  /** Of the answer, in characters. */
  readonly size: Uint32Array;
  /** One of them by itself. */
  draft(index: number): Draft;
}

/** What a draft's answer is compared by. */
export interface DraftKeys {
  answer: number;
  worse: number;
  bare: number;
  size: number;
}

/** The same of several, by columns. */
export interface KeyColumns {
  answers: Float64Array;
  worse: Float64Array;
  bare: Float64Array;
  sizes: Uint32Array;
}

export type DraftEntry = Pick<
  Entry,
  'id' | 'kind' | 'signal' | 'author' | 'topic' | 'at' | 'raters' | 'ratings' | 'corrections'
>;

export interface DraftTable extends Drafts {
  /** Adds the next one, of which keys and numbers are still to be said, and says its index. */
  add(entry: DraftEntry): number;
  setKeys(index: number, keys: DraftKeys): void;
  /** The same of so many from an index on: what stands in columns from a row on. */
  copyKeys(index: number, keys: KeyColumns, row: number, length: number): void;
  /** What is told apart by numbers: one of `nodes`, and of the prompts. */
  setNumbers(index: number, node: number, prompt: number): void;
}

const firstRoom = 1024;
const none: never[] = [];

/** Creates an empty table with room for so many: some 100 bytes for a draft, beside the names of its id and node. */
export function createDrafts(expected = firstRoom): DraftTable {
  return new Table(Math.max(firstRoom, expected));
}

class Table implements DraftTable {
  count = 0;
  prompts = 0;
  readonly ids = createNames();
  readonly ratings: (readonly Rating[])[] = [];
  readonly corrections: (readonly string[])[] = [];
  readonly authors = createNameIds();
  readonly topics = topicsWithNone();
  readonly nodes = createNameIds();
  readonly raterLists: (readonly string[])[] = [];
  readonly #lists = new Map<string, number>();
  #lastAuthor = { name: '', number: -1 };
  kind = new Uint8Array();
  signal = new Uint8Array();
  author = new Uint32Array();
  topic = new Uint32Array();
  raters = new Uint32Array();
  node = new Uint32Array();
  prompt = new Uint32Array();
  size = new Uint32Array();
  at = new Float64Array();
  answer = new Float64Array();
  worse = new Float64Array();
  bare = new Float64Array();

  constructor(room: number) {
    this.#makeRoom(room);
  }

  add(entry: DraftEntry): number {
    const index = this.count;
    if (index === this.kind.length) this.#makeRoom(index * 2);
    this.ids.add(entry.id);
    this.ratings.push(entry.ratings.length === 0 ? none : entry.ratings);
    this.corrections.push(entry.corrections.length === 0 ? none : entry.corrections);
    this.kind[index] = numberOfKind(entry.kind);
    this.signal[index] = numberOfSignal(entry.signal);
    this.author[index] = this.#authorOf(entry.author);
    this.topic[index] = entry.topic === null ? 0 : this.topics.idOf(entry.topic);
    this.raters[index] = this.#listOf(entry.raters);
    this.at[index] = entry.at;
    this.count = index + 1;
    return index;
  }

  setKeys(index: number, { answer, worse, bare, size }: DraftKeys): void {
    this.answer[index] = answer;
    this.worse[index] = worse;
    this.bare[index] = bare;
    this.size[index] = size;
  }

  copyKeys(index: number, { answers, worse, bare, sizes }: KeyColumns, row: number, length: number): void {
    const end = row + length;
    this.answer.set(answers.subarray(row, end), index);
    this.worse.set(worse.subarray(row, end), index);
    this.bare.set(bare.subarray(row, end), index);
    this.size.set(sizes.subarray(row, end), index);
  }

  setNumbers(index: number, node: number, prompt: number): void {
    this.node[index] = node;
    this.prompt[index] = prompt;
    if (prompt >= this.prompts) this.prompts = prompt + 1;
  }

  draft(index: number): Draft {
    return {
      id: this.ids.of(index),
      kind: kinds[this.kind[index] as number] as Kind,
      signal: signals[this.signal[index] as number] ?? null,
      author: this.authors.nameOf(this.author[index] as number),
      node: this.nodes.nameOf(this.node[index] as number),
      index,
    };
  }

  /** Most have the author of the one before. */
  #authorOf(name: string): number {
    if (this.#lastAuthor.number < 0 || name !== this.#lastAuthor.name)
      this.#lastAuthor = { name, number: this.authors.idOf(name) };
    return this.#lastAuthor.number;
  }

  /** The number of a list of names, of which there are few. */
  #listOf(names: readonly string[]): number {
    const first = names[0] ?? '';
    const isAlone = names.length === 1 && !first.startsWith('[');
    const key = isAlone ? first : JSON.stringify(names);
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    this.#lists.set(key, this.raterLists.length);
    return this.raterLists.push(names) - 1;
  }

  #makeRoom(room: number): void {
    this.kind = withRoom(this.kind, room);
    this.signal = withRoom(this.signal, room);
    this.author = withRoom(this.author, room);
    this.topic = withRoom(this.topic, room);
    this.raters = withRoom(this.raters, room);
    this.node = withRoom(this.node, room);
    this.prompt = withRoom(this.prompt, room);
    this.size = withRoom(this.size, room);
    this.at = withRoom(this.at, room);
    this.answer = withRoom(this.answer, room);
    this.worse = withRoom(this.worse, room);
    this.bare = withRoom(this.bare, room);
  }
}

function topicsWithNone(): NameIds {
  const topics = createNameIds();
  topics.idOf('');
  return topics;
}

/** Ascending indexes of drafts: what stages are given, and give on. */
export type Indexes = Uint32Array<ArrayBuffer>;

/** Those that a stage keeps; as `filter`, which takes ten times as long for each. */
export function keepOf(drafts: Indexes, isKept: (draft: number) => boolean): Indexes {
  const kept = new Uint32Array(drafts.length);
  let count = 0;
  for (let at = 0; at < drafts.length; at += 1) {
    const draft = drafts[at] as number;
    if (isKept(draft)) kept[count++] = draft;
  }
  return kept.slice(0, count);
}

/**
 * Which of two drafts has the stronger word of a person behind it, as a comparison for sorting, the strongest first: a
 * correction, then more raters, then the newer, then the smaller id.
 */
export function byStrength({ signal, raters, raterLists, at, ids }: Drafts): (a: number, b: number) => number {
  const ratersOf = (draft: number): number => raterLists[raters[draft] as number]?.length ?? 0;
  return (a, b) => {
    if (signal[a] !== signal[b]) return signal[a] === corrected ? -1 : signal[b] === corrected ? 1 : 0;
    const more = ratersOf(b) - ratersOf(a);
    if (more !== 0) return more;
    if (at[a] !== at[b]) return (at[b] as number) - (at[a] as number);
    return ids.compare(a, b);
  };
}
