import { type Json, type JsonObject, isObject } from '../../../core/canonical.ts';
import { invalidField } from '../../fields.ts';
import { kindOf, refused } from './input.ts';

/** What is kept by OpenAI, or done by it, and what to do instead. */
const elsewhere: Readonly<Record<string, string>> = {
  previous_response_id:
    'previous_response_id is not followed: send the whole input each time; the header x-conversation-id goes on with a recorded conversation.',
  conversation:
    'conversation is not followed: send the whole input each time; the header x-conversation-id goes on with a recorded conversation.',
  prompt: 'prompt names a text that OpenAI keeps: send it as instructions and input.',
  context_management: 'context_management is not done here: leave it out, and shorten input yourself.',
  moderation: 'moderation is not done here: leave it out.',
};

/** Fields that a chat says in another way, or that are between the client and us. All others pass as they came. */
const ours: ReadonlySet<string> = new Set([
  ...Object.keys(elsewhere),
  'input',
  'instructions',
  'messages',
  'n',
  'stream_options',
  'store',
  'background',
  'metadata',
  'truncation',
  'include',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'max_tool_calls',
  'text',
  'reasoning',
  'max_output_tokens',
  'top_logprobs',
]);

/** Throws InvalidInput for what only OpenAI's own servers do. */
export function refuseElsewhere(body: JsonObject): void {
  for (const [field, sentence] of Object.entries(elsewhere)) {
    const value = body[field];
    const isEmpty = value === undefined || value === null || (Array.isArray(value) && value.length === 0);
    if (!isEmpty) throw refused(sentence, field);
  }
  if (body.background === true) {
    throw refused(
      'background is not done here: leave it out, and use stream for answers that take long.',
      'background',
    );
  }
}

/** The fields of a chat completion request that a request stands for, but for model, messages and the limit of tokens. */
export function chatFields(body: JsonObject): JsonObject {
  const passed = Object.entries(body).filter(([name, value]) => !ours.has(name) && value !== null);
  return { ...Object.fromEntries(passed), ...toolFields(body), ...textFields(body), ...answerFields(body) };
}

function answerFields({ reasoning, top_logprobs: top, store, include }: JsonObject): JsonObject {
  const effort = isObject(reasoning) ? reasoning.effort : null;
  const asks = Array.isArray(include) && include.includes('message.output_text.logprobs');
  const counts = typeof top === 'number' && top > 0;
  return {
    ...(typeof effort === 'string' && { reasoning_effort: effort }),
    ...((asks || counts) && { logprobs: true }),
    ...(counts && { top_logprobs: top }),
    // Left out, OpenAI decides by the account.
    ...(store === false && { store }),
  };
}

function textFields({ text }: JsonObject): JsonObject {
  if (!isObject(text)) return {};
  const { format, verbosity } = text;
  return {
    ...(typeof verbosity === 'string' && { verbosity }),
    ...(isObject(format) && format.type !== 'text' && { response_format: responseFormat(format) }),
  };
}

function responseFormat({ type, ...fields }: JsonObject): JsonObject {
  if (type === 'json_schema') return { type, json_schema: withoutNulls(fields) };
  if (type === 'json_object') return { type };
  throw invalidField('text.format.type', '"text", "json_object" or "json_schema"', 'text.format.type');
}

function toolFields({ tools, tool_choice: choice, parallel_tool_calls: parallel }: JsonObject): JsonObject {
  if (tools === undefined || tools === null) return {};
  if (!Array.isArray(tools)) throw invalidField('tools', 'a list', 'tools');
  // Providers refuse the two others where there is no tool.
  if (tools.length === 0) return {};
  return {
    tools: tools.map(chatTool),
    ...(choice !== undefined && choice !== null && { tool_choice: chatToolChoice(choice) }),
    ...(typeof parallel === 'boolean' && { parallel_tool_calls: parallel }),
  };
}

function chatTool(tool: Json, at: number): JsonObject {
  const path = `tools.${at}`;
  if (!isObject(tool)) throw invalidField(path, 'an object', path);
  const { type, ...fields } = tool;
  if (type !== 'function') {
    const message = `${path} is ${kindOf(type)}, which only OpenAI's own servers run: describe it as a "function" and run it yourself.`;
    throw refused(message, `${path}.type`);
  }
  if (typeof fields.name !== 'string') throw invalidField(`${path}.name`, 'a text', `${path}.name`);
  return { type, function: withoutNulls(fields) };
}

function chatToolChoice(choice: Json): Json {
  if (typeof choice === 'string') return choice;
  const { type, name, mode, tools } = isObject(choice) ? choice : {};
  if (type === 'function' && typeof name === 'string') return { type, function: { name } };
  if (type === 'allowed_tools' && Array.isArray(tools)) {
    return { type, allowed_tools: { mode: mode ?? 'auto', tools: tools.map(allowedTool) } };
  }
  throw invalidField('tool_choice', '"none", "auto", "required", or one of your functions by name', 'tool_choice');
}

function allowedTool(tool: Json): Json {
  return isObject(tool) && typeof tool.name === 'string' ? { type: 'function', function: { name: tool.name } } : tool;
}

function withoutNulls(fields: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}
