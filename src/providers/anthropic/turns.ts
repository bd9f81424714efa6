import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import { inputOf } from '../translation/input.ts';
import { refusal } from '../translation/refusal.ts';
import { textOf } from '../translation/text.ts';
import { blocksOf } from './content.ts';

/** What a chat's messages are in the Messages API: what the system says, and turns that alternate. */
export interface Turns {
  system: JsonObject[];
  messages: JsonObject[];
}

interface Turn {
  role: 'user' | 'assistant';
  content: JsonObject[];
}

/** Names that calls of the old kind, which have no ids, are given. */
interface OldCalls {
  begun: number;
  open: string[];
}

/**
 * Sorts messages into turns. What system and developer say goes to the top, wherever it stood, as Anthropic's own
 * compatibility layer has it. Neighbours of one role become one turn, in which results of tools come first.
 */
export function turnsOf(messages: Json | undefined): Turns {
  if (!Array.isArray(messages)) throw refusal('Messages must be a list of messages.', 'messages');
  const system: JsonObject[] = [];
  const turns: Turn[] = [];
  const old: OldCalls = { begun: 0, open: [] };
  for (const [index, message] of messages.entries()) {
    const at = `messages.${index}`;
    if (!isObject(message)) throw refusal(`${at} must be an object with a role.`, at);
    if (message.role === 'system' || message.role === 'developer') system.push(...blocksOf(message.content, at));
    else add(turns, turnOf(message, at, old));
  }
  if (turns.length === 0) throw refusal('Anthropic wants a message of the user: add one to messages.', 'messages');
  return { system, messages: finished(turns) };
}

function turnOf(message: JsonObject, at: string, old: OldCalls): Turn {
  switch (textOf(message.role)) {
    case 'user':
      return { role: 'user', content: saidBy(message, at) };
    case 'assistant':
      return { role: 'assistant', content: assistantBlocks(message, at, old) };
    case 'tool':
      return { role: 'user', content: [resultBlock(message.tool_call_id, message.content, at)] };
    case 'function':
      return { role: 'user', content: [resultBlock(old.open.shift() ?? 'call_0', message.content, at)] };
    default:
      throw refusal(
        `Anthropic knows no role ${JSON.stringify(message.role ?? null)} (${at}): use system, user, assistant or tool.`,
        `${at}.role`,
      );
  }
}

function saidBy(message: JsonObject, at: string): JsonObject[] {
  const blocks = blocksOf(message.content, at);
  if (blocks.length > 0) return blocks;
  throw refusal(`Anthropic takes no empty message (${at}): give it a text, or leave it out.`, `${at}.content`);
}

/** What the model thought comes first, exactly as it was signed; thoughts without a signature cannot be given back. */
function assistantBlocks(message: JsonObject, at: string, old: OldCalls): JsonObject[] {
  const { thinking_blocks: thoughts, tool_calls: calls, function_call: call } = message;
  const refused = typeof message.refusal === 'string' ? message.refusal : null;
  return [
    ...(Array.isArray(thoughts) ? thoughts.flatMap(thoughtBlock) : []),
    ...blocksOf(message.content, at),
    ...blocksOf(refused, at),
    ...(Array.isArray(calls) ? calls.map((one, index) => callBlock(one, `${at}.tool_calls.${index}`)) : []),
    ...(isObject(call) ? [oldCallBlock(call, old)] : []),
  ];
}

function thoughtBlock(thought: Json): JsonObject[] {
  if (!isObject(thought)) return [];
  const { type, thinking, signature, data } = thought;
  if (type === 'thinking' && typeof signature === 'string' && signature !== '') {
    return [{ type, thinking: thinking ?? '', signature }];
  }
  if (type === 'redacted_thinking' && typeof data === 'string') return [{ type, data }];
  return [];
}

function callBlock(call: Json, at: string): JsonObject {
  if (!isObject(call) || !isObject(call.function) || typeof call.function.name !== 'string') {
    throw refusal(`Anthropic takes calls of functions only (${at}): leave out calls of other kinds.`, at);
  }
  const { name, arguments: args } = call.function;
  return { type: 'tool_use', id: idOf(call.id), name, input: inputOf(args) };
}

function oldCallBlock(call: JsonObject, old: OldCalls): JsonObject {
  const id = `call_${old.begun}`;
  old.begun += 1;
  old.open.push(id);
  return { type: 'tool_use', id, name: call.name ?? '', input: inputOf(call.arguments) };
}

/** Anthropic takes no other signs in an id; the same id becomes the same again in call and result. */
function idOf(id: Json | undefined): string {
  return textOf(id).replace(/[^\w-]/g, '_') || 'call_0';
}

function resultBlock(id: Json | undefined, content: Json | undefined, at: string): JsonObject {
  const blocks = blocksOf(content, at);
  return { type: 'tool_result', tool_use_id: idOf(id), ...(blocks.length > 0 && { content: blocks }) };
}

function add(turns: Turn[], turn: Turn): void {
  if (turn.content.length === 0) return;
  const last = turns.at(-1);
  if (last?.role === turn.role) last.content.push(...turn.content);
  else turns.push(turn);
}

function finished(turns: readonly Turn[]): JsonObject[] {
  return turns.map(({ role, content }, index) => {
    if (role === 'user') return { role, content: resultsFirst(content) };
    return { role, content: index === turns.length - 1 ? withoutTail(content) : content };
  });
}

function resultsFirst(content: readonly JsonObject[]): JsonObject[] {
  const isResult = ({ type }: JsonObject): boolean => type === 'tool_result';
  return [...content.filter(isResult), ...content.filter((block) => !isResult(block))];
}

/** An answer that was begun may not end in blanks. */
function withoutTail(content: readonly JsonObject[]): JsonObject[] {
  const last = content.at(-1);
  if (typeof last?.text !== 'string') return [...content];
  return [...content.slice(0, -1), { ...last, text: last.text.trimEnd() }];
}
