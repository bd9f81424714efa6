import type { DatasetFile, DatasetRow, JudgedRow, LeftOutRow, PairRow } from '../core/dataset.ts';
import type { WireMessage } from '../core/message.ts';
import type { Recipe } from '../core/recipe.ts';
import type { Texts } from './draft.ts';
import type { Placed } from './leak-check.ts';

/** Ids of nodes that belong together. */
type Join = readonly [string, string];

export interface VersionLines {
  /** Sorted by id. */
  placed: Iterable<Placed>;
  textsOf(placed: Placed): Texts;
  weights: Recipe['build']['weights'];
  /** Of an answer of the base; 1 unless given. */
  replayWeight?: number | undefined;
  leftOut: readonly LeftOutRow[];
  joins: readonly Join[];
}

/** The lines of every file of a version. */
export function* linesOf({
  placed,
  textsOf,
  weights,
  replayWeight = 1,
  leftOut,
  joins,
}: VersionLines): Generator<[DatasetFile, unknown]> {
  for (const one of placed) {
    const texts = textsOf(one);
    const { split, draft } = one;
    if (draft.kind === 'learn') yield [`${split}.jsonl`, toRow(one, texts, weights)];
    if (draft.kind === 'replay') {
      yield [`${split}.jsonl`, toReplayed(one, texts, replayWeight)];
      continue;
    }
    const pair = toPair(one, texts);
    if (pair) yield [`pairs.${split}.jsonl`, pair];
    for (const judged of toJudged(one, texts)) yield [`judged.${split}.jsonl`, judged];
  }
  for (const row of leftOut) yield ['left-out.jsonl', row];
  for (const join of sorted(joins)) yield ['joins.jsonl', join];
}

function toRow({ draft }: Placed, { messages, tools }: Texts, weights: VersionLines['weights']): DatasetRow {
  const { id, signal, author, node } = draft;
  const weight = weights[signal ?? 'approved'];
  const { completion, choice } = answerOf(id);
  // Members in the order in which they are written, so that these need not be put in order.
  return {
    id,
    learn: [messages.length - 1],
    messages,
    meta: { author, choice, completion, node, signal: signal ?? 'approved' },
    ...(tools && { tools }),
    ...(weight !== 1 && { weight }),
  };
}

function toReplayed({ draft, from }: Placed, { messages }: Texts, weight: number): DatasetRow {
  const { id, author } = draft;
  const { completion: anchor = null, node = null } = from ?? {};
  return {
    id,
    messages,
    learn: [messages.length - 1],
    ...(weight !== 1 && { weight }),
    meta: { completion: null, choice: null, signal: 'replay', author, node, anchor },
  };
}

/** A correction over what it corrects, or an answer over one that it was preferred to. */
function toPair({ draft }: Placed, { messages, against, tools }: Texts): PairRow | null {
  const chosen = messages.at(-1);
  if (!chosen || !against) return null;
  const kind = draft.kind === 'prefer' ? 'preference' : 'correction';
  return {
    id: draft.id,
    prompt: messages.slice(0, -1),
    ...(tools && { tools }),
    chosen,
    rejected: against,
    meta: { kind, ...answerOf(draft.id), node: draft.node },
  };
}

function* toJudged({ draft }: Placed, { messages, against, tools }: Texts): Generator<JudgedRow> {
  const answer = messages.at(-1);
  if (!answer || draft.kind === 'prefer') return;
  const row = (id: string, said: WireMessage, good: boolean): JudgedRow => ({
    id,
    prompt: messages.slice(0, -1),
    ...(tools && { tools }),
    answer: said,
    good,
    meta: { ...answerOf(draft.id), node: draft.node },
  });
  yield row(draft.id, answer, draft.kind === 'learn');
  if (against) yield row(`${draft.id}.original`, against, false);
}

/** `<completion>.<choice>`, of a preference the better one. */
function answerOf(id: string): { completion: string; choice: number } {
  const [chosen = ''] = id.split('>');
  const point = chosen.lastIndexOf('.');
  return { completion: chosen.slice(0, point), choice: Number(chosen.slice(point + 1)) };
}

/** Each join once, the smaller node first. */
function* sorted(joins: readonly Join[]): Generator<Join> {
  const ordered = joins.map((join): Join => (join[0] < join[1] ? join : [join[1], join[0]])).sort(byNodes);
  for (const [at, join] of ordered.entries()) {
    const before = ordered[at - 1];
    if (!before || byNodes(before, join) !== 0) yield join;
  }
}

function byNodes(one: Join, other: Join): number {
  const at = one[0] === other[0] ? 1 : 0;
  return one[at] < other[at] ? -1 : one[at] > other[at] ? 1 : 0;
}
