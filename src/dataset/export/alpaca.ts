import type { JsonObject } from '../../core/canonical.ts';
import type { DatasetRow } from '../../core/dataset.ts';
import { type WireMessage, textOf } from '../../core/message.ts';
import { jsonList } from './encodings.ts';
import { llamaFactoryInfo } from './llama-factory.ts';
import { noteContext, ofRows } from './of-rows.ts';
import type { Exporter, Note } from './types.ts';

/** Alpaca as LLaMA-Factory and LitGPT read it: `{"instruction", "input", "output", "system"?, "history"?}`. */
export const alpaca: Exporter = {
  format: 'alpaca',
  about: 'Alpaca, for LitGPT and, with its dataset_info.json, LLaMA-Factory',
  encoding: jsonList,
  examples: ofRows(toExample),
  beside: (exported) => [
    llamaFactoryInfo(exported, {
      formatting: 'alpaca',
      columns: {
        prompt: 'instruction',
        query: 'input',
        response: 'output',
        system: 'system',
        history: 'history',
      },
    }),
  ],
};

function toExample(row: DatasetRow, note: Note): JsonObject | null {
  const { id, messages } = row;
  const [first] = messages;
  const system = first?.role === 'system' ? textOf(first.content) : undefined;
  const rounds = toRounds(system === undefined ? messages : messages.slice(1));
  if (typeof rounds === 'string') {
    note.leaveOut(id, rounds);
    return null;
  }
  const [instruction = '', output = ''] = rounds.at(-1) ?? [];
  const history = rounds.slice(0, -1);
  noteContext(row, note);
  if (messages.some(({ name }) => name !== undefined)) note.reduce(id, 'names');
  if (row.tools) note.reduce(id, 'tools');
  return {
    instruction,
    input: '',
    output,
    ...(system !== undefined && { system }),
    ...(history.length > 0 && { history }),
  };
}

/** Questions with their answers, or why it cannot be said so. */
function toRounds(messages: readonly WireMessage[]): [string, string][] | string {
  const rounds: [string, string][] = [];
  if (messages.some(({ role, tool_calls }) => role === 'tool' || tool_calls !== undefined)) return 'tool_calls';
  if (messages.some(({ role }) => role === 'system')) return 'system_message_in_the_middle';
  for (let at = 0; at < messages.length; at += 2) {
    const [question, answer] = messages.slice(at, at + 2);
    if (question?.role !== 'user' || answer?.role !== 'assistant') return 'turns_do_not_alternate';
    rounds.push([textOf(question.content), textOf(answer.content)]);
  }
  return rounds;
}
