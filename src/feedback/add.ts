import { type Json, type JsonObject, canonicalJson, isObject } from '../core/canonical.ts';
import { RatchetError } from '../core/errors.ts';
import { type WireMessage, splitMessage } from '../core/message.ts';
import type {
  AnswerRef,
  ChatStore,
  CompletionRecord,
  FeedbackRecord,
  FeedbackStore,
  NewFeedback,
} from '../store/types.ts';

/** What a person says of one choice of one completion. At least one of rating, score, criteria, comment, correction and preference. */
export interface FeedbackInput {
  completionId: string;
  /** The first choice when absent. */
  choice?: number | undefined;
  rating?: number | undefined;
  score?: number | undefined;
  comment?: string | undefined;
  /** The answer as it should have been: its text, or a whole assistant message. */
  correction?: string | JsonObject | undefined;
  tags?: string[] | undefined;
  /** What named criteria say: yes or no, or a share in [0, 1]. */
  criteria?: Readonly<Record<string, boolean | number>> | undefined;
  /** Names the event among its rater's, so that sending it twice adds it once. */
  key?: string | undefined;
  /** Answers to the same messages that this one is better than. */
  over?: readonly AnswerInput[] | undefined;
  /** Answers to the same messages that are as good. */
  tiedWith?: readonly AnswerInput[] | undefined;
}

/** One choice of one completion; the first unless it says otherwise. */
export interface AnswerInput {
  completionId: string;
  choice?: number | undefined;
}

export interface FeedbackDeps {
  chats: Pick<ChatStore, 'get'>;
  feedback: Pick<FeedbackStore, 'add' | 'get'>;
}

/** Where an event of feedback comes from. */
export interface FeedbackOrigin {
  rater: string;
  /** Whose answers may be rated; null is everybody's. */
  owner: string | null;
  source: string;
}

/** Adds an event of feedback. NotFound for an answer of somebody else's, as for one that is not there. */
export type AddFeedback = (input: FeedbackInput, from: FeedbackOrigin) => Promise<FeedbackRecord>;

const longestComment = 10_000;
const mostTags = 20;
const longestTag = 64;
const mostSiblings = 20;
const longestKey = 200;

/** Takes an event back by a new one. NotFound for an event on an answer of somebody else's. */
export type UndoFeedback = (id: string, from: FeedbackOrigin) => Promise<FeedbackRecord>;

/** Creates the way to take feedback back: its own rater may, and whoever may see everybody's answers. */
export function createUndoFeedback({ chats, feedback }: FeedbackDeps): UndoFeedback {
  return async (id, { rater, owner, source }) => {
    const event = await feedback.get(id);
    const completion = event && (await chats.get(event.completionId));
    if (!event || !completion || (owner !== null && completion.owner !== owner)) {
      throw new RatchetError('NotFound', `There is no feedback "${id.slice(0, 100)}": use the id that it was given.`);
    }
    if (owner !== null && event.rater !== rater) {
      throw new RatchetError(
        'Unauthorized',
        `${event.rater} gave this feedback, and only ${event.rater} takes it back.`,
        {
          details: { httpStatus: 403 },
        },
      );
    }
    const { completionId, choice } = event;
    // The same event is taken back once, however often that is asked for.
    return feedback.add({ completionId, choice, rater, source, undoes: id, key: `undo ${id}` });
  };
}

/** Creates the one way in for feedback, which checks it against the answer that it is about. */
export function createAddFeedback({ chats, feedback }: FeedbackDeps): AddFeedback {
  return async (input, { rater, owner, source }) => {
    const checked = checkInput(input);
    const completion = await ratable(chats, input.completionId, owner);
    const choice = input.choice ?? 0;
    const correction = checkCorrection(input.correction, completion, choice);
    const over = await siblings(chats, input.over, { completion, choice, owner });
    const tiedWith = await siblings(chats, input.tiedWith, { completion, choice, owner });
    return feedback.add({
      completionId: completion.id,
      choice,
      rater,
      source,
      ...checked,
      ...(correction && { correction }),
      ...(over && { over }),
      ...(tiedWith && { tiedWith }),
    });
  };
}

function checkInput(input: FeedbackInput): Partial<NewFeedback> {
  const { rating, score, comment, correction, over, tiedWith, key } = input;
  if ([rating, score, comment, correction, over, tiedWith, input.criteria].every((given) => given === undefined)) {
    const fields = 'rating, score, criteria, comment, correction, preferred_over and tied_with';
    throw invalid(`give at least one of ${fields}.`, 'rating');
  }
  checkKey(key);
  if (rating !== undefined && rating !== 1 && rating !== -1) throw invalid('rating must be 1 or -1.', 'rating');
  if (score !== undefined && !(score >= 0 && score <= 1)) throw invalid('score must be from 0 to 1.', 'score');
  if (comment !== undefined && (comment.trim() === '' || comment.length > longestComment)) {
    throw invalid(`comment must have 1 to ${longestComment} characters.`, 'comment');
  }
  const { choice = 0 } = input;
  if (!Number.isInteger(choice) || choice < 0) throw invalid('choice must be 0, 1, 2 …', 'choice');
  const tags = input.tags === undefined ? undefined : checkTags(input.tags);
  const criteria = input.criteria === undefined ? undefined : checkCriteria(input.criteria);
  return {
    ...(rating !== undefined && { rating }),
    ...(score !== undefined && { score }),
    ...(comment !== undefined && { comment }),
    ...(tags !== undefined && { tags }),
    ...(criteria !== undefined && { criteria }),
    ...(key !== undefined && { key }),
  };
}

function checkKey(key: string | undefined): void {
  if (key === undefined || (key.trim() !== '' && key.length <= longestKey)) return;
  throw invalid(`key must have 1 to ${longestKey} characters.`, 'key');
}

function checkCriteria(criteria: NonNullable<FeedbackInput['criteria']>): Record<string, boolean | number> {
  const entries = Object.entries(criteria);
  const named = entries.every(([name]) => /^[\w.-]{1,64}$/.test(name));
  if (!named || entries.length === 0 || entries.length > mostTags) {
    throw invalid(`criteria must be 1 to ${mostTags}, named with letters, digits, ".", "_" and "-".`, 'criteria');
  }
  const wrong = entries.find(([, value]) => typeof value === 'number' && !(value >= 0 && value <= 1));
  if (wrong)
    throw invalid(`criteria.${wrong[0]} must be true, false, or a number from 0 to 1.`, `criteria.${wrong[0]}`);
  return Object.fromEntries(entries);
}

function checkTags(tags: readonly string[]): string[] {
  const unique = [...new Set(tags.map((tag) => tag.trim()))];
  const bad = unique.some((tag) => tag === '' || tag.length > longestTag);
  if (bad || unique.length > mostTags) {
    throw invalid(`tags must be at most ${mostTags}, of 1 to ${longestTag} characters each.`, 'tags');
  }
  return unique;
}

async function ratable(
  chats: FeedbackDeps['chats'],
  id: string,
  owner: FeedbackOrigin['owner'],
): Promise<CompletionRecord> {
  const completion = await chats.get(id);
  if (!completion || (owner !== null && completion.owner !== owner)) {
    throw new RatchetError('NotFound', `There is no completion "${id.slice(0, 100)}": use the id of an answer.`);
  }
  if (completion.state === 'open') {
    throw new RatchetError('Conflict', 'This answer is still being written: rate it when it is whole.');
  }
  return completion;
}

interface Compared {
  completion: CompletionRecord;
  choice: number;
  owner: FeedbackOrigin['owner'];
}

/** The other answers of a preference, each to the very messages that this one answers. */
async function siblings(
  chats: FeedbackDeps['chats'],
  answers: FeedbackInput['over'],
  { completion, choice, owner }: Compared,
): Promise<AnswerRef[] | undefined> {
  if (!answers) return undefined;
  if (answers.length === 0 || answers.length > mostSiblings) {
    throw invalid(`a preference names 1 to ${mostSiblings} other answers.`, 'preferred_over');
  }
  const found: AnswerRef[] = [];
  for (const answer of answers) {
    const other = await ratable(chats, answer.completionId, owner);
    const ref = { completionId: other.id, choice: answer.choice ?? 0 };
    const same = (one: AnswerRef): boolean => one.completionId === ref.completionId && one.choice === ref.choice;
    if (same({ completionId: completion.id, choice })) {
      throw invalid('an answer is not compared with itself: name another.', 'preferred_over');
    }
    if (found.some(same)) throw invalid('a preference names each other answer once.', 'preferred_over');
    if (!answersTheSame(completion, other)) {
      const message = `The completion ${other.id} answers other messages: compare answers to the same ones.`;
      throw new RatchetError('InvalidInput', message, { details: { param: 'preferred_over' } });
    }
    found.push(ref);
  }
  return found;
}

/** Of a chat without text nobody can tell what it answers. */
function answersTheSame(one: CompletionRecord, other: CompletionRecord): boolean {
  return one.messageIds.length > 0 && canonicalJson(one.messageIds) === canonicalJson(other.messageIds);
}

function checkCorrection(
  correction: FeedbackInput['correction'],
  completion: CompletionRecord,
  choice: number,
): WireMessage | undefined {
  if (correction === undefined) return undefined;
  const message = toMessage(correction);
  const original = completion.choices.find(({ index }) => index === choice)?.message;
  if (!original) {
    throw new RatchetError('NotFound', `This completion has no choice ${choice}: it has ${completion.choices.length}.`);
  }
  if (meaning(message) === meaning(original)) {
    throw invalid('correction is the same as the answer: leave it out, or rate the answer 1.', 'correction');
  }
  return message;
}

function toMessage(correction: string | JsonObject): WireMessage {
  const message: JsonObject =
    typeof correction === 'string' ? { role: 'assistant', content: correction } : { ...correction };
  if (message.role !== 'assistant')
    throw invalid('correction must be a message with the role "assistant".', 'correction');
  const { canonical } = splitMessage(message as WireMessage, null);
  const empty = canonical.parts.every(isBlank) && !canonical.tool_calls?.length;
  if (empty) throw invalid('correction must have content or tool calls.', 'correction');
  return message as WireMessage;
}

/** What a message says: white space at its ends, reasoning and unknown fields do not count. */
function meaning(message: WireMessage): string {
  const { canonical } = splitMessage(message, null);
  const parts = canonical.parts.map((part) =>
    isObject(part) && typeof part.text === 'string' ? { ...part, text: part.text.trim() } : part,
  );
  return canonicalJson({ ...canonical, parts });
}

function isBlank(part: Json): boolean {
  return isObject(part) && part.type === 'text' && (typeof part.text !== 'string' || part.text.trim() === '');
}

function invalid(message: string, param: string): RatchetError {
  return new RatchetError('InvalidInput', message.charAt(0).toUpperCase() + message.slice(1), { details: { param } });
}
