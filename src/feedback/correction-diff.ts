import { diffWordsWithSpace } from 'diff';
import { RatchetError } from '../core/errors.ts';
import { type WireMessage, textOf } from '../core/message.ts';
import type { ChatStore, FeedbackStore } from '../store/types.ts';

/** A stretch of the two texts, in order: what is left out gives the answer, what is put in the correction. */
export interface DiffPart {
  kind: 'same' | 'removed' | 'added';
  text: string;
}

export interface CorrectionDiff {
  completionId: string;
  choice: number;
  parts: DiffPart[];
  /** Words of the answer that the correction has not, and the other way round. */
  removedWords: number;
  addedWords: number;
}

/** Beyond so many changes it says nothing any more, and costs too much. */
const mostChanges = 1_000;

/**
 * What a correction changed, word by word. NotFound for an event on an answer of somebody else's, as for one that is not there, and
 * for one that corrects nothing or was erased.
 */
export async function correctionDiff(
  { chats, feedback }: { chats: Pick<ChatStore, 'get'>; feedback: Pick<FeedbackStore, 'get'> },
  id: string,
  owner: string | null,
): Promise<CorrectionDiff> {
  const event = await feedback.get(id);
  const completion = event && (await chats.get(event.completionId));
  if (!event || !completion || (owner !== null && completion.owner !== owner)) {
    throw new RatchetError('NotFound', `There is no feedback "${id.slice(0, 100)}": use the id that it was given.`);
  }
  const { completionId, choice, correction } = event;
  const original = completion.choices.find(({ index }) => index === choice)?.message;
  if (!correction || !original) {
    throw new RatchetError('NotFound', `The feedback ${id} has no correction: use the id of one that has.`);
  }
  const parts = diffWords(whatItSays(original), whatItSays(correction));
  const wordsOf = (kind: DiffPart['kind']) => countWords(parts.filter((part) => part.kind === kind));
  return { completionId, choice, parts, removedWords: wordsOf('removed'), addedWords: wordsOf('added') };
}

/** Two texts as stretches that they share and that only one has; as wholes where they have next to nothing in common. */
export function diffWords(before: string, after: string): DiffPart[] {
  const changes = diffWordsWithSpace(before, after, { maxEditLength: mostChanges });
  const parts: DiffPart[] = changes?.map(({ value, added, removed }) => ({
    kind: added ? 'added' : removed ? 'removed' : 'same',
    text: value,
  })) ?? [
    { kind: 'removed', text: before },
    { kind: 'added', text: after },
  ];
  return parts.filter(({ text }) => text !== '');
}

/** The text of a message, and below it the calls of tools that it makes. */
function whatItSays({ content, tool_calls: calls }: WireMessage): string {
  const text = textOf(content);
  if (!Array.isArray(calls) || calls.length === 0) return text;
  const lines = calls.map((call) => JSON.stringify(call, null, 2));
  return [...(text === '' ? [] : [text]), ...lines].join('\n');
}

function countWords(parts: readonly DiffPart[]): number {
  return parts.reduce((sum, { text }) => sum + (text.match(/[\p{L}\p{N}]+/gu)?.length ?? 0), 0);
}
