import { toSftLine } from '../export.ts';
import { jsonLines } from './encodings.ts';
import { ofRows } from './of-rows.ts';
import { withTools } from './trl-messages.ts';
import type { Exporter } from './types.ts';

/** OpenAI's supervised fine-tuning: `{"messages", "tools"?}`, earlier answers with `"weight": 0`. */
export const openAiSft: Exporter = {
  format: 'openai-sft',
  about: "OpenAI's supervised fine-tuning",
  encoding: jsonLines,
  examples: ofRows((row) => ({ messages: toSftLine(row).messages, ...withTools(row.tools) })),
};
