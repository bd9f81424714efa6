import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import { RatchetError } from '../../core/errors.ts';
import type { WireMessage } from '../../core/message.ts';
import { jsonRows } from './rows.ts';
import { createToolTurns } from './sharegpt-tools.ts';
import { answeredItem, preferenceItems, taughtItems } from './training.ts';
import { messagesIn, toolsIn } from './training-messages.ts';
import type { ImportItem, Importer } from './types.ts';

const roleOf: ReadonlyMap<string, string> = new Map([
  ...['human', 'user', 'prompter'].map((name) => [name, 'user'] as const),
  ...['gpt', 'assistant', 'chatgpt', 'bing', 'bard', 'model', 'bot'].map((name) => [name, 'assistant'] as const),
  ['system', 'system'],
  ['function_call', 'call'],
  ...['observation', 'tool', 'function_response'].map((name) => [name, 'tool'] as const),
]);

/** ShareGPT's `{"conversations": [{from, value}], "system", "tools"}`, also with `role` and `content` inside. */
export const sharegpt: Importer = {
  format: 'sharegpt',
  title: 'ShareGPT',
  description:
    'training files of {"conversations": [{"from": "human", "value"}], "system", "tools"}; answers count as approved',
  recognises: ({ first }) => first !== null && isSharegptRow(first),
  read: (source) => jsonRows(source, (row, at) => sharegptItems(row, at, 'sharegpt')),
};

/** Whether a row holds a list of turns, whichever way they are written. */
export function isSharegptRow({ conversations }: JsonObject): boolean {
  return (
    Array.isArray(conversations) &&
    isObject(conversations[0]) &&
    ('from' in conversations[0] || 'role' in conversations[0])
  );
}

/** A row, which may also be a preference (`chosen`, `rejected`) or have a label (`kto_tag`). InvalidInput with the place. */
export function sharegptItems(row: JsonObject, at: string, format: string): ImportItem[] {
  const { conversations, system, tools, chosen, rejected, kto_tag: label, model } = row;
  const messages = turnsIn(conversations, system);
  const training = { at, format, request: toolsIn(tools), model };
  if (chosen !== undefined && rejected !== undefined) {
    return preferenceItems(training, messages, [answerIn(chosen, 'chosen'), answerIn(rejected, 'rejected')]);
  }
  const last = messages.at(-1);
  if (label === false && last?.role === 'assistant') {
    return [answeredItem(training, messages.slice(0, -1), last, { rating: -1 })];
  }
  return taughtItems(training, messages, { rating: 1 });
}

function turnsIn(conversations: unknown, system: unknown): WireMessage[] {
  if (!Array.isArray(conversations)) throw fault('"conversations" must be a list of turns');
  const first: unknown = conversations[0];
  const turns =
    isObject(first) && 'role' in first && !('from' in first)
      ? messagesIn(conversations, 'conversations')
      : fromTo(conversations, 'conversations');
  const instructs = typeof system === 'string' && system.trim() !== '' && turns[0]?.role !== 'system';
  return instructs ? [{ role: 'system', content: system }, ...turns] : turns;
}

function fromTo(turns: readonly Json[], name: string): WireMessage[] {
  const tools = createToolTurns();
  return turns.map((turn, at) => {
    const from = isObject(turn) ? turn.from : undefined;
    const role = typeof from === 'string' ? roleOf.get(from) : undefined;
    if (!isObject(turn) || role === undefined) {
      throw fault(`"${name}[${at}].from" must be one of ${[...roleOf.keys()].join(', ')}`);
    }
    const { value, weight } = turn;
    if (typeof value !== 'string') throw fault(`"${name}[${at}].value" must be a text`);
    if (role === 'call') return tools.call(value);
    if (role === 'tool') return tools.result(value);
    return { role, content: value, ...(typeof weight === 'number' && { weight }) };
  });
}

function answerIn(value: unknown, name: string): WireMessage {
  const turn = isObject(value) && 'from' in value ? fromTo([value], name) : messagesIn([value], name);
  const [answer] = turn;
  if (answer?.role === 'assistant') return answer;
  throw fault(`"${name}" must be an answer`);
}

function fault(what: string): RatchetError {
  return new RatchetError('InvalidInput', `${what}.`);
}
