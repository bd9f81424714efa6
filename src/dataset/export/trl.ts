import { jsonLines } from './encodings.ts';
import { noteContext, ofRows } from './of-rows.ts';
import { trlMessages, withTools } from './trl-messages.ts';
import type { Exporter } from './types.ts';

/** TRL's language modelling: `{"messages", "tools"?}`. */
export const trl: Exporter = {
  format: 'trl',
  about: "TRL's SFTTrainer, whole conversations",
  encoding: jsonLines,
  examples: ofRows((row, note) => {
    noteContext(row, note);
    return { messages: trlMessages(row.id, row.messages, note), ...withTools(row.tools) };
  }),
};

/** TRL's prompt and completion, of which only the completion is learned: `{"prompt", "completion", "tools"?}`. */
export const trlPromptCompletion: Exporter = {
  format: 'trl-prompt-completion',
  about: "TRL's SFTTrainer, only the last answer learned",
  encoding: jsonLines,
  examples: ofRows((row, note) => {
    const messages = trlMessages(row.id, row.messages, note);
    return { prompt: messages.slice(0, -1), completion: messages.slice(-1), ...withTools(row.tools) };
  }),
};
