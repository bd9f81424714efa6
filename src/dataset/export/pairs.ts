import type { DatasetRow } from '../../core/dataset.ts';
import { standing } from '../../core/feedback.ts';
import type { WireMessage } from '../../core/message.ts';
import type { AnswerRef, CompletionRecord, FeedbackRecord } from '../../store/types.ts';
import { answerKey, promptKey } from '../normalise.ts';
import type { JudgingStore } from './judged.ts';
import { givenAnswer } from './original.ts';
import { preferred } from '../preferred.ts';
import type { Note, Pair } from './types.ts';

/** The rows that one completion stands behind. */
export interface RowsOfCompletion {
  completion: string;
  rows: DatasetRow[];
}

export interface PairDeps {
  store: JudgingStore;
  /** Whether the dataset version has a row of a completion. */
  holds(completionId: string): Promise<boolean>;
}

/** The pairs of some completions: what they were corrected to, and answers that were preferred over others. */
export async function* pairsOf(deps: PairDeps, groups: readonly RowsOfCompletion[], note: Note): AsyncGenerator<Pair> {
  const events = standing(await deps.store.feedback.ofCompletions(groups.map(({ completion }) => completion)));
  const byCompletion = Map.groupBy(events, ({ completionId }) => completionId);
  for (const { completion: id, rows } of groups) {
    const corrected = rows.filter(({ meta }) => meta.signal === 'corrected');
    const over = preferences(byCompletion.get(id) ?? []);
    if (corrected.length === 0 && over.length === 0) continue;
    const completion = await deps.store.chats.get(id);
    for (const row of corrected) yield* correctionPair(row, completion, note);
    for (const [chosen, rejected] of over) yield* preferencePair(deps, { rows, completion, chosen, rejected }, note);
  }
}

/** A correction is better than what it corrects. */
function* correctionPair(row: DatasetRow, completion: CompletionRecord | null, note: Note): Generator<Pair> {
  const { id, messages, tools = [], meta } = row;
  const chosen = messages.at(-1);
  const { message: rejected, fault } = givenAnswer(completion, meta.choice);
  if (!chosen || !rejected) {
    note.leaveOut(id, fault ?? 'answer_is_empty');
    return;
  }
  yield* pairUnlessEqual({ id, prompt: messages.slice(0, -1), tools, chosen, rejected }, note);
}

interface Preference {
  rows: readonly DatasetRow[];
  completion: CompletionRecord | null;
  chosen: AnswerRef;
  rejected: AnswerRef;
}

async function* preferencePair(
  { store, holds }: PairDeps,
  { rows, completion, chosen, rejected }: Preference,
  note: Note,
): AsyncGenerator<Pair> {
  const id = `${nameOf(chosen)}>${nameOf(rejected)}`;
  const same = rejected.completionId === chosen.completionId;
  if (!same && !(await holds(rejected.completionId))) {
    note.leaveOut(id, 'answer_outside_the_dataset');
    return;
  }
  const events = await store.feedback.ofCompletions([...new Set([chosen.completionId, rejected.completionId])]);
  const better = preferred(standing(events), chosen, rejected);
  if (better === 'disputed') {
    note.leaveOut(id, 'raters_disagree');
    return;
  }
  // The other way round, it is a pair of the other answer's; a tie is none.
  if (better !== 'first') return;
  const other = same ? completion : await store.chats.get(rejected.completionId);
  const good = givenAnswer(completion, chosen.choice);
  const bad = givenAnswer(other, rejected.choice);
  const [row] = rows;
  if (!good.message || !bad.message || !row) {
    note.leaveOut(id, good.fault ?? bad.fault ?? 'answer_is_empty');
    return;
  }
  if (completion && other && !samePrompt(completion, other)) {
    note.leaveOut(id, 'asked_something_else');
    return;
  }
  const { messages, tools = [] } = row;
  const prompt = messages.slice(0, -1);
  yield* pairUnlessEqual({ id, prompt, tools, chosen: good.message, rejected: bad.message }, note);
}

function* pairUnlessEqual(pair: Pair, note: Note): Generator<Pair> {
  if (answerKey(pair.chosen) === answerKey(pair.rejected)) note.leaveOut(pair.id, 'both_answers_say_the_same');
  else yield pair;
}

/** Every answer that some event puts another under, once. */
function preferences(events: readonly FeedbackRecord[]): [AnswerRef, AnswerRef][] {
  const found = new Map<string, [AnswerRef, AnswerRef]>();
  for (const { completionId, choice, over = [] } of events) {
    const chosen = { completionId, choice };
    for (const rejected of over) found.set(`${nameOf(chosen)}>${nameOf(rejected)}`, [chosen, rejected]);
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, pair]) => pair);
}

function nameOf({ completionId, choice }: AnswerRef): string {
  return `${completionId}.${choice}`;
}

function samePrompt(one: CompletionRecord, other: CompletionRecord): boolean {
  const key = (messages: readonly WireMessage[]): string => promptKey(messages, undefined);
  return key(one.messages) === key(other.messages);
}
