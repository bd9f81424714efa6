import { isObject } from '../../core/canonical.ts';
import { type WireMessage, textOf } from '../../core/message.ts';
import type { Entry } from '../entry.ts';

const roles: readonly unknown[] = ['system', 'user', 'assistant', 'tool', 'function'];

/** Why an entry cannot be learned from; null when it can. Messages are as a chat template takes them. */
export function faultOf(
  messages: readonly WireMessage[],
  { node, cutOff }: Pick<Entry, 'node' | 'cutOff'>,
): string | null {
  if (node === null) return 'no_user_message';
  const answer = messages.at(-1);
  if (answer?.role !== 'assistant') return 'answer_not_from_assistant';
  if (isEmpty(answer)) return 'empty_answer';
  if (!messages.every(({ role }) => roles.includes(role))) return 'unknown_role';
  if (!answersCalls(messages)) return 'tool_answer_without_call';
  return cutOff ? 'cut_off' : null;
}

/** Whether there is nothing in an answer. */
export function isEmpty(answer: WireMessage): boolean {
  const hasCalls = Array.isArray(answer.tool_calls) && answer.tool_calls.length > 0;
  return textOf(answer.content).trim() === '' && !hasCalls;
}

/** Whether every message of a tool that names a call comes after that call. */
function answersCalls(messages: readonly WireMessage[]): boolean {
  const calls = new Set<unknown>();
  for (const { role, tool_calls: called, tool_call_id: id } of messages) {
    if (Array.isArray(called)) for (const call of called) calls.add(isObject(call) ? call.id : null);
    if (role === 'tool' && typeof id === 'string' && !calls.has(id)) return false;
  }
  return true;
}
