import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import type { DatasetRow } from '../../core/dataset.ts';
import { hubCard, hubSplit } from './hub-card.ts';
import { ofRows } from './of-rows.ts';
import { parquet } from './parquet.ts';
import type { Exporter, Note } from './types.ts';

const calls = {
  list: { members: { id: 'text', type: 'text', function: { members: { name: 'text', arguments: 'text' } } } },
} as const;
const message = {
  members: { role: 'text', content: 'text', name: 'text', tool_calls: calls, tool_call_id: 'text' },
} as const;

/** A folder for the Hugging Face Hub: Parquet, and a dataset card. Rows have all that a dataset version has. */
export const huggingFace: Exporter = {
  format: 'hugging-face',
  about: 'a folder for the Hugging Face Hub: Parquet and a dataset card',
  encoding: parquet({
    id: 'text',
    messages: { list: message },
    tools: 'text',
    learn: { list: 'number' },
    completion_id: 'text',
    choice: 'number',
    signal: 'text',
    author: 'text',
    node: 'text',
    anchor_id: 'text',
  }),
  nameOf: hubSplit,
  examples: ofRows(toExample),
  beside: (exported) => [{ name: 'README.md', text: hubCard(exported) }],
};

function toExample(
  { id, messages, tools, learn, meta: { completion, ...meta } }: DatasetRow,
  note: Note,
): JsonObject | null {
  if (!messages.every(({ tool_calls }) => tool_calls === undefined || isCalls(tool_calls))) {
    note.leaveOut(id, 'tool_call_of_another_kind');
    return null;
  }
  const told = tools ? { tools: JSON.stringify(tools) } : {};
  // "completion" alone is TRL's name for an answer.
  const { anchor, ...others } = { anchor: null, ...meta };
  return { id, messages, ...told, learn, completion_id: completion, ...others, anchor_id: anchor };
}

function isCalls(value: Json): boolean {
  return Array.isArray(value) && value.every(isCall);
}

/** Whether a call has what the columns hold, and nothing else. */
function isCall(call: Json): boolean {
  if (!isObject(call) || !onlyTexts(call, ['id', 'type'], ['function'])) return false;
  return isObject(call.function) && onlyTexts(call.function, ['name', 'arguments']);
}

function onlyTexts(value: JsonObject, texts: readonly string[], others: readonly string[] = []): boolean {
  return Object.entries(value).every(([key, member]) =>
    texts.includes(key) ? typeof member === 'string' : others.includes(key),
  );
}
