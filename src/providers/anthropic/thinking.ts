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
  sent: JsonObject;
  /** What the settings say where the request says nothing. */
  defaults: JsonObject;
  generation: Generation;
  maxTokens: number;
  toolChoice: JsonObject | undefined;
  messages: readonly JsonObject[];
}

/**
 * Translates `reasoning_effort`, or passes `thinking` as Anthropic writes it. The API refuses to think where a tool must be
 * called, where the answer is too short for it, and, by a budget, where a tool's turn goes on whose thoughts the client did
 * not give back: there it answers without.
 */
export function thinkingFields(request: ThinkingRequest): ThinkingFields {
  const { sent, defaults, generation, maxTokens } = request;
  if (isObject(sent.thinking)) return { thinking: sent.thinking };
  const effort = effortOf(sent) ?? effortOf(defaults);
  const usual = effortOf(sent) === null && isObject(defaults.thinking) ? defaults.thinking : null;
  if (usual) return mayThink(request) || usual.type === 'disabled' ? { thinking: usual } : {};
  if (effort === null || generation.thinking === 'none') return {};
  if (effort === 'none') return { thinking: { type: 'disabled' } };
  if (generation.thinking === 'effort') {
    const level = { effort: effort === 'minimal' ? 'low' : effort };
    return mayThink(request) ? { thinking: { type: 'adaptive', display: 'summarized' }, ...level } : level;
  }
  const budget = Math.min(budgets[effort] ?? leastBudget, maxTokens - 1);
  if (budget < leastBudget || !mayThink(request)) return {};
  return { thinking: { type: 'enabled', budget_tokens: budget } };
}

function mayThink({ generation, toolChoice, messages }: ThinkingRequest): boolean {
  const isForced = toolChoice?.type === 'any' || toolChoice?.type === 'tool';
  return !isForced && (generation.thinking === 'effort' || !isForgetful(messages));
}

/** Whether a request that has these fields makes the model think. */
export function thinks({ thinking }: ThinkingFields): boolean {
  return thinking !== undefined && thinking.type !== 'disabled';
}

function effortOf({ reasoning_effort: effort, reasoning }: JsonObject): string | null {
  const said: Json | undefined = effort ?? (isObject(reasoning) ? reasoning.effort : undefined);
  return typeof said === 'string' && (said === 'none' || Object.hasOwn(budgets, said)) ? said : null;
}

/** Whether the last answer called a tool, and came back without what was thought before. */
function isForgetful(messages: readonly JsonObject[]): boolean {
  const last = messages.findLast(({ role }) => role === 'assistant');
  if (messages.at(-1)?.role !== 'user' || !Array.isArray(last?.content)) return false;
  const types = last.content.map((block) => (isObject(block) ? block.type : null));
  return types.includes('tool_use') && types[0] !== 'thinking' && types[0] !== 'redacted_thinking';
}
