import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import type { Generation } from './models.ts';

/** What makes the model think before it speaks. */
export interface ThinkingFields {
  thinking?: JsonObject;
  effort?: string;
}

/** Tokens to think with, for models that are told so. The API takes 1,024 at least. */
const budgets: Readonly<Record<string, number>> = {
  minimal: 1_024,
  low: 1_024,
  medium: 4_096,
  high: 16_384,
  xhigh: 24_576,
  max: 31_999,
};
const leastBudget = 1_024;

export interface ThinkingRequest {
  body: JsonObject;
  generation: Generation;
  maxTokens: number;
  toolChoice: JsonObject | undefined;
  messages: readonly JsonObject[];
}

/**
 * Translates `reasoning_effort`, or passes `thinking` as Anthropic writes it. The API refuses to think where a tool must be
 * called, where the answer is too short for it, and where a tool's turn goes on whose thoughts the client did not give back:
 * there it answers without.
 */
export function thinkingFields({ body, generation, maxTokens, toolChoice, messages }: ThinkingRequest): ThinkingFields {
  if (isObject(body.thinking)) return { thinking: body.thinking };
  const effort = effortOf(body);
  if (effort === null || generation.thinking === 'none') return {};
  if (effort === 'none') return { thinking: { type: 'disabled' } };
  const forced = toolChoice?.type === 'any' || toolChoice?.type === 'tool';
  if (forced || isForgetful(messages)) return {};
  if (generation.thinking === 'effort') {
    const level = effort === 'minimal' ? 'low' : effort;
    return { thinking: { type: 'adaptive', display: 'summarized' }, effort: level };
  }
  const budget = Math.min(budgets[effort] ?? leastBudget, maxTokens - 1);
  return budget < leastBudget ? {} : { thinking: { type: 'enabled', budget_tokens: budget } };
}

/** Whether a request that has these fields makes the model think. */
export function thinks({ thinking }: ThinkingFields): boolean {
  return thinking !== undefined && thinking.type !== 'disabled';
}

function effortOf({ reasoning_effort: effort, reasoning }: JsonObject): string | null {
  const said: Json | undefined = effort ?? (isObject(reasoning) ? reasoning.effort : undefined);
  return typeof said === 'string' && (said === 'none' || said in budgets) ? said : null;
}

/** Whether the last answer called a tool, and came back without what was thought before. */
function isForgetful(messages: readonly JsonObject[]): boolean {
  const last = messages.findLast(({ role }) => role === 'assistant');
  if (messages.at(-1)?.role !== 'user' || !Array.isArray(last?.content)) return false;
  const types = last.content.map((block) => (isObject(block) ? block.type : null));
  return types.includes('tool_use') && types[0] !== 'thinking' && types[0] !== 'redacted_thinking';
}
