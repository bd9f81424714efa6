import { type Json, isObject } from '../../core/canonical.ts';
import type { Reading } from './request.ts';

const reasons: Readonly<Record<string, string>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  pause_turn: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool_calls',
  refusal: 'content_filter',
};

/** Why the model stopped, as OpenAI says it. A reason that is not known is told as it is. */
export function finishReason(reason: string, { answerTool, oldCalls }: Reading, calls: number): string {
  if (reason === 'tool_use' && calls === 0 && answerTool !== null) return 'stop';
  if (reason === 'tool_use' && oldCalls) return 'function_call';
  return reasons[reason] ?? reason;
}

/** Why it refused, where it says so. */
export function explanationOf(details: Json | undefined): string | null {
  return isObject(details) && typeof details.explanation === 'string' ? details.explanation : null;
}
