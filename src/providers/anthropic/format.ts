import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import type { Generation } from './models.ts';
import type { ToolFields } from './tools.ts';

/** What keeps an answer to a form. */
export interface FormatFields extends ToolFields {
  output_config?: JsonObject;
  /** To be added to what the system says. */
  instruction?: string;
  /** A tool whose input is the answer. */
  answerTool?: string;
}

/**
 * Translates `response_format`. A schema is kept by the API where the model can do so, else by a tool that the model has to
 * call with its answer. For JSON of any form the API has nothing, so that the model is told.
 */
export function formatFields(format: Json | undefined, { schemas }: Generation, given: ToolFields): FormatFields {
  if (!isObject(format)) return given;
  if (format.type === 'json_object') {
    return { ...given, instruction: 'Answer with one JSON object and nothing else: no other text, no code fence.' };
  }
  const described = isObject(format.json_schema) ? format.json_schema : {};
  if (format.type !== 'json_schema' || !isObject(described.schema)) return given;
  if (schemas)
    return { ...given, output_config: { format: { type: 'json_schema', schema: closed(described.schema) } } };
  return { ...given, ...answerTool(described, described.schema, given) };
}

function answerTool(described: JsonObject, schema: JsonObject, { tools = [] }: ToolFields): FormatFields {
  const name = toolName(described.name);
  const description = typeof described.description === 'string' ? described.description : 'Gives the answer.';
  return {
    tools: [...tools, { name, description, input_schema: { type: 'object', ...schema } }],
    tool_choice: tools.length === 0 ? { type: 'tool', name } : { type: 'any' },
    answerTool: name,
  };
}

function toolName(name: Json | undefined): string {
  return typeof name === 'string' && /^[\w-]{1,64}$/.test(name) ? name : 'answer';
}

/** Objects have to say that they have no other fields than those they name. */
function closed(schema: JsonObject): JsonObject {
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closedWithin(value)]));
  const isClosed = schema.type !== 'object' || schema.additionalProperties !== undefined;
  return isClosed ? inner : { ...inner, additionalProperties: false };
}

function closedWithin(value: Json): Json {
  if (Array.isArray(value)) return value.map(closedWithin);
  return isObject(value) ? closed(value) : value;
}
