import { type WireMessage, textOf } from '../../core/message.ts';
import type { CompletionRecord } from '../../store/types.ts';
import { trainable } from '../trainable.ts';

/** An answer as it was given, or why there is none that can be learned from. */
export type Given = { message: WireMessage; fault?: undefined } | { message?: undefined; fault: string };

/** What a model answered, in the shape of a row's messages. */
export function givenAnswer(completion: CompletionRecord | null, choice: number): Given {
  const answer = completion?.choices.find(({ index }) => index === choice)?.message;
  if (!answer) return { fault: 'answer_erased_since_built' };
  const message = trainable(answer);
  if (!message) return { fault: 'answer_is_not_text' };
  const calls = message.tool_calls;
  const says = textOf(message.content).trim() !== '' || (Array.isArray(calls) && calls.length > 0);
  return says ? { message } : { fault: 'answer_is_empty' };
}
