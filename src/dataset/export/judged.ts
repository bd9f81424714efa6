import type { DatasetRow } from '../../core/dataset.ts';
import { standing } from '../../core/feedback.ts';
import type { CompletionRecord, FeedbackRecord, Store } from '../../store/types.ts';
import { answerKey } from '../normalise.ts';
import { givenAnswer } from './original.ts';
import type { RowsOfCompletion } from './pairs.ts';
import type { JudgedAnswer, Note } from './types.ts';

export type JudgingStore = Pick<Store, 'chats' | 'feedback'>;

/** Answers of some completions, each good or bad by itself: learned ones, what they correct, and those rated −1. */
export async function* judgedOf(
  store: JudgingStore,
  groups: readonly RowsOfCompletion[],
  note: Note,
): AsyncGenerator<JudgedAnswer> {
  const events = standing(await store.feedback.ofCompletions(groups.map(({ completion }) => completion)));
  const byCompletion = Map.groupBy(events, ({ completionId }) => completionId);
  for (const { completion: id, rows } of groups) {
    for (const row of rows) yield* learned(row);
    const learnedChoices = new Set(rows.map(({ meta }) => meta.choice));
    const down = ratedDown(byCompletion.get(id) ?? []).filter((choice) => !learnedChoices.has(choice));
    const corrected = rows.filter(({ meta }) => meta.signal === 'corrected');
    if (corrected.length === 0 && down.length === 0) continue;
    const completion = await store.chats.get(id);
    for (const row of corrected) yield* rejected(row, completion, row.meta.choice, note);
    for (const choice of down) yield* rejected(rows[0], completion, choice, note);
  }
}

function* learned({ id, messages, tools = [] }: DatasetRow): Generator<JudgedAnswer> {
  const answer = messages.at(-1);
  if (answer) yield { id, prompt: messages.slice(0, -1), tools, answer, good: true };
}

function* rejected(
  row: DatasetRow | undefined,
  completion: CompletionRecord | null,
  choice: number,
  note: Note,
): Generator<JudgedAnswer> {
  if (!row) return;
  const { messages, tools = [], meta } = row;
  const id = `${meta.completion}.${choice}`;
  const { message: answer, fault } = givenAnswer(completion, choice);
  if (!answer) {
    note.leaveOut(id, fault);
    return;
  }
  const good = messages.at(-1);
  if (good && answerKey(good) === answerKey(answer)) {
    note.leaveOut(id, 'both_answers_say_the_same');
    return;
  }
  yield { id, prompt: messages.slice(0, -1), tools, answer, good: false };
}

/** Choices whose newest rating by every rater is −1. */
function ratedDown(events: readonly FeedbackRecord[]): number[] {
  const byChoice = Map.groupBy(
    events.filter(({ rating }) => rating !== undefined),
    ({ choice }) => choice,
  );
  return [...byChoice]
    .filter(([, ratings]) => [...newestOfEach(ratings).values()].every(({ rating }) => rating === -1))
    .map(([choice]) => choice)
    .sort((a, b) => a - b);
}

function newestOfEach(events: readonly FeedbackRecord[]): Map<string, FeedbackRecord> {
  const newest = new Map<string, FeedbackRecord>();
  const byAge = (a: FeedbackRecord, b: FeedbackRecord): number => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1);
  for (const event of [...events].sort(byAge)) newest.set(event.rater, event);
  return newest;
}
