import { type JsonObject, isObject } from '../../core/canonical.ts';
import { jsonRows } from './rows.ts';
import { taughtItems } from './training.ts';
import { messagesIn, toolsIn } from './training-messages.ts';
import type { ImportItem, Importer } from './types.ts';

/** OpenAI's files for supervised fine-tuning: `{"messages": [{role, content, weight}], "tools"}`. */
export const openaiSft: Importer = {
  format: 'openai-sft',
  title: 'OpenAI fine-tuning',
  description: 'training files of {"messages", "tools"}; each answer that is not weighted 0 counts as approved',
  recognises: ({ first }) => first !== null && isSftRow(first),
  read: (source) => jsonRows(source, (row, at) => sftItems(row, at, 'openai-sft')),
};

/** Whether a row is messages alone: those of other formats stand beside what they name. */
export function isSftRow({ messages, chosen, label, request_id, conversationId }: JsonObject): boolean {
  if (!Array.isArray(messages) || !isObject(messages[0]) || typeof messages[0].role !== 'string') return false;
  return [chosen, label, request_id, conversationId].every((field) => field === undefined);
}

/** A row of messages. InvalidInput with the fault. */
export function sftItems(row: JsonObject, at: string, format: string): ImportItem[] {
  const { messages, tools, functions, parallel_tool_calls: parallel, model } = row;
  const request = {
    ...toolsIn(tools ?? functions),
    ...(typeof parallel === 'boolean' && { parallel_tool_calls: parallel }),
  };
  return taughtItems({ at, format, request, model }, messagesIn(messages, 'messages'), { rating: 1 });
}
