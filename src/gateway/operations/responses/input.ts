import { type Json, type JsonObject, isObject } from '../../../core/canonical.ts';
import { RatchetError } from '../../../core/errors.ts';
import type { WireMessage } from '../../../core/message.ts';
import { invalidField } from '../../fields.ts';
import { unpackReasoning } from './reasoning.ts';

/**
 * The chat that `instructions` and `input` stand for. Items that one turn of a model is made of (reasoning, message,
 * function calls) become one assistant's message again. Throws InvalidInput for what a chat cannot say.
 */
export function messagesOf({ instructions, input }: JsonObject): WireMessage[] {
  const messages: WireMessage[] = [];
  if (instructions !== undefined && instructions !== null) {
    if (typeof instructions !== 'string') throw invalidField('instructions', 'a text', 'instructions');
    messages.push({ role: 'system', content: instructions });
  }
  if (typeof input === 'string') return [...messages, { role: 'user', content: input }];
  if (!Array.isArray(input) || input.length === 0) throw invalidField('input', 'a text or a list of items', 'input');
  for (const [at, item] of input.entries()) addItem(messages, item, `input.${at}`);
  return messages.filter((message) => !isEmptyTurn(message));
}

function addItem(messages: WireMessage[], item: Json, path: string): void {
  if (!isObject(item)) throw invalidField(path, 'an object', path);
  const type = item.type ?? (item.role === undefined ? null : 'message');
  if (type === 'message') addMessage(messages, item, path);
  else if (type === 'reasoning') addReasoning(messages, item);
  else if (type === 'function_call') addCall(messages, item, path);
  else if (type === 'function_call_output') messages.push(toolMessage(item, path));
  else throw refusedItem(type, path);
}

function addMessage(messages: WireMessage[], item: JsonObject, path: string): void {
  const { role, content } = item;
  if (role === 'assistant') {
    const said = assistantSaid(content, path);
    const turn = messages.at(-1);
    if (turn?.role === 'assistant' && turn.content === null && turn.refusal === undefined) Object.assign(turn, said);
    else messages.push({ role, ...said });
  } else if (role === 'user' || role === 'system' || role === 'developer') {
    messages.push({ role, content: contentOf(content, `${path}.content`) });
  } else throw invalidField(`${path}.role`, '"user", "assistant", "system" or "developer"', `${path}.role`);
}

function addReasoning(messages: WireMessage[], item: JsonObject): void {
  const fields = unpackReasoning(item);
  const last = messages.at(-1);
  // What follows a spoken text thinks towards the next one; what stands between calls belongs to their turn.
  const goesOn = last?.role === 'assistant' && (last.content === null || last.tool_calls !== undefined);
  const turn = goesOn ? last : { role: 'assistant', content: null };
  if (!goesOn) messages.push(turn);
  for (const [field, value] of Object.entries(fields)) turn[field] = joined(turn[field], value);
}

function joined(before: Json | undefined, value: Json): Json {
  if (typeof before === 'string' && typeof value === 'string') return `${before}\n\n${value}`;
  return Array.isArray(before) && Array.isArray(value) ? [...before, ...value] : value;
}

function addCall(messages: WireMessage[], item: JsonObject, path: string): void {
  const { call_id: id, name, arguments: args } = item;
  if (typeof id !== 'string') throw invalidField(`${path}.call_id`, 'a text', `${path}.call_id`);
  if (typeof name !== 'string') throw invalidField(`${path}.name`, 'a text', `${path}.name`);
  if (typeof args !== 'string') throw invalidField(`${path}.arguments`, 'a text', `${path}.arguments`);
  const call = { id, type: 'function', function: { name, arguments: args } };
  const turn = messages.at(-1);
  if (turn?.role !== 'assistant') messages.push({ role: 'assistant', content: null, tool_calls: [call] });
  else if (Array.isArray(turn.tool_calls)) turn.tool_calls.push(call);
  else turn.tool_calls = [call];
}

function toolMessage({ call_id: id, output }: JsonObject, path: string): WireMessage {
  if (typeof id !== 'string') throw invalidField(`${path}.call_id`, 'a text', `${path}.call_id`);
  return { role: 'tool', tool_call_id: id, content: contentOf(output, `${path}.output`) };
}

function assistantSaid(content: Json | undefined, path: string): JsonObject {
  if (!Array.isArray(content)) return { content: contentOf(content, `${path}.content`) };
  const isRefusal = (part: Json): boolean => isObject(part) && part.type === 'refusal';
  const refusals = content.filter(isRefusal).map(refusalOf);
  const parts = contentOf(
    content.filter((part) => !isRefusal(part)),
    `${path}.content`,
  ) as JsonObject[];
  // Many servers take an assistant's text as a string only.
  const only = parts.length === 1 ? parts[0]?.text : undefined;
  const said = parts.length === 0 ? null : (only ?? parts);
  return { content: said, ...(refusals.length > 0 && { refusal: refusals.join('') }) };
}

function refusalOf(part: Json): string {
  return isObject(part) && typeof part.refusal === 'string' ? part.refusal : '';
}

function contentOf(content: Json | undefined, path: string): Json {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) throw invalidField(path, 'a text or a list of parts', path);
  return content.map((part, at) => chatPart(part, `${path}.${at}`));
}

function chatPart(part: Json, path: string): JsonObject {
  if (!isObject(part)) throw invalidField(path, 'an object', path);
  const { type, ...fields } = part;
  // What a library added to an answer's text, such as `parsed`, is not for the provider.
  if (type === 'output_text') return textPart({ text: fields.text ?? null }, path);
  if (type === 'input_text' || type === 'text') return textPart(fields, path);
  if (type === 'input_image') return imagePart(fields, path);
  if (type === 'input_file') return filePart(fields, path);
  if (type === 'input_audio') return part;
  throw invalidField(`${path}.type`, '"input_text", "input_image", "input_file" or "input_audio"', `${path}.type`);
}

function textPart({ text, ...more }: JsonObject, path: string): JsonObject {
  if (typeof text !== 'string') throw invalidField(`${path}.text`, 'a text', `${path}.text`);
  return { type: 'text', text, ...more };
}

function imagePart({ image_url: url, detail, file_id: _file, ...more }: JsonObject, path: string): JsonObject {
  if (typeof url !== 'string') {
    const advice = 'a URL or data URL: providers do not know the ids of uploaded files';
    throw invalidField(`${path}.image_url`, advice, `${path}.image_url`);
  }
  return { type: 'image_url', image_url: { url, ...(typeof detail === 'string' && { detail }) }, ...more };
}

function filePart(
  { file_url: url, detail: _detail, file_id, file_data, filename, ...more }: JsonObject,
  path: string,
): JsonObject {
  if (url !== undefined && url !== null) {
    throw refused(`${path}.file_url cannot be fetched by providers of chats: send file_data.`, `${path}.file_url`);
  }
  const file = Object.fromEntries(
    Object.entries({ file_id, file_data, filename }).filter(([, value]) => value !== undefined && value !== null),
  ) as JsonObject;
  return { type: 'file', file, ...more };
}

/** A turn of which nothing but thoughts is left has nothing that a chat could go on from. */
function isEmptyTurn({ role, content, refusal, tool_calls: calls }: WireMessage): boolean {
  return role === 'assistant' && content === null && refusal === undefined && calls === undefined;
}

function refusedItem(type: Json, path: string): RatchetError {
  const param = `${path}.type`;
  const known = '"message", "function_call", "function_call_output" or "reasoning"';
  return refused(`${path} is ${kindOf(type)}, which has no place in a chat: send ${known}.`, param);
}

/** A type as an error may quote it: a word, never a text. */
export function kindOf(type: Json | undefined): string {
  return typeof type === 'string' && /^[\w.-]{1,60}$/.test(type) ? `of type "${type}"` : 'of no known type';
}

/** InvalidInput for what is well-formed but cannot be done here. */
export function refused(message: string, param: string): RatchetError {
  return new RatchetError('InvalidInput', message, { details: { param } });
}
