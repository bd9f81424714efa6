import { type JsonObject, isObject } from '../../core/canonical.ts';
import { jsonRows } from './rows.ts';
import { preferenceItems } from './training.ts';
import { messagesIn, spokenIn, toolsIn } from './training-messages.ts';
import type { ImportItem, Importer } from './types.ts';

/** OpenAI's files for preference tuning: `{"input": {"messages", "tools"}, "preferred_output", "non_preferred_output"}`. */
export const openaiDpo: Importer = {
  format: 'openai-dpo',
  title: 'OpenAI preference tuning',
  description:
    'training files of {"input", "preferred_output", "non_preferred_output"}; the first answer is over the other',
  recognises: ({ first }) => first !== null && 'preferred_output' in first && 'non_preferred_output' in first,
  read: (source) => jsonRows(source, dpoItems),
};

function dpoItems({ input, preferred_output, non_preferred_output, model }: JsonObject, at: string): ImportItem[] {
  const { messages, tools, parallel_tool_calls: parallel } = isObject(input) ? input : {};
  const request = {
    ...toolsIn(tools),
    ...(typeof parallel === 'boolean' && { parallel_tool_calls: parallel }),
  };
  const better = spokenIn(preferred_output, 'assistant', 'preferred_output');
  const worse = spokenIn(non_preferred_output, 'assistant', 'non_preferred_output');
  const [[chosen], [rejected]] = [better, worse];
  if (!chosen || !rejected) return [{ kind: 'left-out', at, reason: 'no answer' }];
  if (better.length > 1 || worse.length > 1) return [{ kind: 'left-out', at, reason: 'answers of several messages' }];
  const row = { at, format: 'openai-dpo', request, model };
  return preferenceItems(row, messagesIn(messages, 'input.messages'), [chosen, rejected]);
}
