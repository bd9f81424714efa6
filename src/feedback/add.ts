import { type Json, type JsonObject, canonicalJson, isObject } from '../core/canonical.ts';
import { RatchetError } from '../core/errors.ts';
import { type WireMessage, splitMessage } from '../core/message.ts';
import type { ChatStore, CompletionRecord, FeedbackRecord, FeedbackStore, NewFeedback } from '../store/types.ts';

/** What a person says of one choice of one completion. At least one of rating, score, comment and correction. */
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
}

export interface FeedbackDeps {
  chats: Pick<ChatStore, 'get'>;
  feedback: Pick<FeedbackStore, 'add'>;
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

/** Creates the one way in for feedback, which checks it against the answer that it is about. */
export function createAddFeedback({ chats, feedback }: FeedbackDeps): AddFeedback {
  return async (input, { rater, owner, source }) => {
    const checked = checkInput(input);
    const completion = await chats.get(input.completionId);
    if (!completion || (owner !== null && completion.owner !== owner)) {
      throw new RatchetError(
        'NotFound',
        `There is no completion "${input.completionId.slice(0, 100)}": use the id of an answer.`,
      );
    }
    if (completion.state === 'open') {
      throw new RatchetError('Conflict', 'This answer is still being written: rate it when it is whole.');
    }
    const choice = input.choice ?? 0;
    const correction = checkCorrection(input.correction, completion, choice);
    return feedback.add({
      completionId: completion.id,
      choice,
      rater,
      source,
      ...checked,
      ...(correction && { correction }),
    });
  };
}

function checkInput(input: FeedbackInput): Partial<NewFeedback> {
  const { rating, score, comment, correction } = input;
  if ([rating, score, comment, correction].every((given) => given === undefined)) {
    throw invalid('Give at least one of rating, score, comment and correction.', 'rating');
  }
  if (rating !== undefined && rating !== 1 && rating !== -1) throw invalid('rating must be 1 or -1.', 'rating');
  if (score !== undefined && !(score >= 0 && score <= 1)) throw invalid('score must be from 0 to 1.', 'score');
  if (comment !== undefined && (comment.trim() === '' || comment.length > longestComment)) {
    throw invalid(`comment must have 1 to ${longestComment} characters.`, 'comment');
  }
  const { choice = 0 } = input;
  if (!Number.isInteger(choice) || choice < 0) throw invalid('choice must be 0, 1, 2 …', 'choice');
  const tags = input.tags === undefined ? undefined : checkTags(input.tags);
  return {
    ...(rating !== undefined && { rating }),
    ...(score !== undefined && { score }),
    ...(comment !== undefined && { comment }),
    ...(tags !== undefined && { tags }),
  };
}

function checkTags(tags: readonly string[]): string[] {
  const unique = [...new Set(tags.map((tag) => tag.trim()))];
  const bad = unique.some((tag) => tag === '' || tag.length > longestTag);
  if (bad || unique.length > mostTags) {
    throw invalid(`tags must be at most ${mostTags}, of 1 to ${longestTag} characters each.`, 'tags');
  }
  return unique;
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
