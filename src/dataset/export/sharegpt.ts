import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import type { DatasetRow } from '../../core/dataset.ts';
import { type WireMessage, textOf } from '../../core/message.ts';
import { jsonLines } from './encodings.ts';
import { llamaFactoryInfo } from './llama-factory.ts';
import { noteContext, ofRows } from './of-rows.ts';
import type { Exporter, Note } from './types.ts';

type From = 'human' | 'gpt' | 'function_call' | 'observation';
interface Turn extends JsonObject {
  from: From;
  value: string;
}

const asked: readonly From[] = ['human', 'observation'];

/** ShareGPT as LLaMA-Factory reads it: `{"conversations": [{"from", "value"}], "system"?, "tools"?}`. */
export const shareGpt: Exporter = {
  format: 'sharegpt',
  about: 'ShareGPT, with the dataset_info.json of LLaMA-Factory',
  encoding: jsonLines,
  examples: ofRows(toExample),
  beside: (exported) => [
    llamaFactoryInfo(exported, {
      formatting: 'sharegpt',
      columns: { messages: 'conversations', system: 'system', tools: 'tools' },
    }),
  ],
};

function toExample(row: DatasetRow, note: Note): JsonObject | null {
  const { id, messages } = row;
  const system = messages[0]?.role === 'system' ? textOf(messages[0].content) : undefined;
  const turns = toTurns(system === undefined ? messages : messages.slice(1));
  if (typeof turns === 'string') {
    note.leaveOut(id, turns);
    return null;
  }
  noteContext(row, note);
  if (messages.some(({ name }) => name !== undefined)) note.reduce(id, 'names');
  if (messages.some((message) => message.tool_calls)) note.reduce(id, 'tool_call_ids');
  return {
    conversations: turns,
    ...(system !== undefined && { system }),
    ...toolsMember(row, note),
  };
}

/** The turns, or why they cannot be said: readers want a question and an answer in turn. */
function toTurns(messages: readonly WireMessage[]): Turn[] | string {
  const turns: Turn[] = [];
  for (const [index, message] of messages.entries()) {
    const turn = toTurn(message);
    if (typeof turn === 'string') return turn;
    if (asked.includes(turn.from) !== (index % 2 === 0)) return 'turns_do_not_alternate';
    turns.push(turn);
  }
  return turns;
}

function toTurn(message: WireMessage): Turn | string {
  const text = textOf(message.content);
  if (message.role === 'user') return { from: 'human', value: text };
  if (message.role === 'tool') return { from: 'observation', value: text };
  if (message.role === 'system') return 'system_message_in_the_middle';
  if (message.role !== 'assistant') return 'role_has_no_name';
  const calls = Array.isArray(message.tool_calls) ? message.tool_calls : [];
  if (calls.length === 0) return { from: 'gpt', value: text };
  if (text !== '') return 'text_beside_tool_calls';
  const called = calls.map(toCall);
  const known = called.filter((call) => call !== null);
  if (known.length < called.length) return 'tool_call_of_another_kind';
  return { from: 'function_call', value: JSON.stringify(known.length === 1 ? known[0] : known) };
}

/** `{"name", "arguments"}` with the arguments as an object. */
function toCall(call: Json): JsonObject | null {
  const called = isObject(call) ? call.function : undefined;
  if (!isObject(called) || typeof called.name !== 'string' || typeof called.arguments !== 'string') return null;
  try {
    const parsed: unknown = JSON.parse(called.arguments === '' ? '{}' : called.arguments);
    return isObject(parsed) ? { name: called.name, arguments: parsed } : null;
  } catch {
    return null;
  }
}

/** Functions alone have a place, as the text of a JSON list. */
function toolsMember({ id, tools = [] }: DatasetRow, note: Note): { tools?: string } {
  const functions = tools.map((tool) => tool.function).filter(isObject);
  if (functions.length < tools.length) note.reduce(id, 'tools_that_are_no_functions');
  return functions.length > 0 ? { tools: JSON.stringify(functions) } : {};
}
