import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import { refusal } from '../translation/refusal.ts';
import type { Generation } from './models.ts';

/** The tools of a request, and how they may be used. */
export interface ToolFields {
  tools?: JsonObject[];
  tool_choice?: JsonObject;
}

/** Translates `tools`, `tool_choice` and `parallel_tool_calls`, or `functions` and `function_call` as they were once called. */
export function toolFields(body: JsonObject, generation: Generation): ToolFields {
  const tools = [
    ...listOf(body.tools).map((tool, index) => toolOf(tool, `tools.${index}`, generation)),
    ...listOf(body.functions).map((tool, index) => functionOf(tool, {}, `functions.${index}`, generation)),
  ];
  if (tools.length === 0) return {};
  const choice = choiceOf(body.tool_choice ?? oldChoice(body.function_call));
  const single = body.parallel_tool_calls === false && choice?.type !== 'none';
  return {
    tools,
    ...(choice && { tool_choice: choice }),
    ...(single && { tool_choice: { type: 'auto', ...choice, disable_parallel_tool_use: true } }),
  };
}

function toolOf(tool: Json, at: string, generation: Generation): JsonObject {
  if (isObject(tool) && tool.type === 'function') return functionOf(tool.function ?? null, tool, at, generation);
  // Tools that Anthropic runs itself are named with a date, and written as Anthropic does.
  if (isObject(tool) && typeof tool.type === 'string' && /_\d{8}$/.test(tool.type)) return tool;
  const type = isObject(tool) ? tool.type : tool;
  throw refusal(
    `Anthropic takes no tool of type ${JSON.stringify(type ?? null)} (${at}): describe it as a function.`,
    `${at}.type`,
  );
}

function functionOf(tool: Json, outer: JsonObject, at: string, { schemas }: Generation): JsonObject {
  if (!isObject(tool) || typeof tool.name !== 'string') throw refusal(`${at} must have a function with a name.`, at);
  const { name, description, parameters, strict } = tool;
  const cache = outer.cache_control ?? tool.cache_control;
  return {
    name,
    ...(typeof description === 'string' && { description }),
    input_schema: isObject(parameters) ? { type: 'object', ...parameters } : { type: 'object', properties: {} },
    ...(strict === true && schemas && { strict: true }),
    ...(isObject(cache) && { cache_control: cache }),
  };
}

function choiceOf(choice: Json | undefined): JsonObject | null {
  if (choice === undefined || choice === null) return null;
  if (choice === 'auto' || choice === 'none') return { type: choice };
  if (choice === 'required') return { type: 'any' };
  const name = isObject(choice) && isObject(choice.function) ? choice.function.name : undefined;
  if (typeof name === 'string') return { type: 'tool', name };
  throw refusal(
    'Anthropic takes auto, none, required or one function for tool_choice: send one of these.',
    'tool_choice',
  );
}

function oldChoice(choice: Json | undefined): Json | undefined {
  return isObject(choice) ? { type: 'function', function: choice } : choice;
}

function listOf(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}
