import type { JsonObject } from '../../core/canonical.ts';
import { jsonLines } from './encodings.ts';
import { withTools } from './trl-messages.ts';
import type { Exporter } from './types.ts';

/** OpenAI's preference tuning: `{"input": {"messages", "tools"?}, "preferred_output", "non_preferred_output"}`. */
export const openAiDpo: Exporter = {
  format: 'openai-dpo',
  about: "OpenAI's preference tuning (DPO)",
  encoding: jsonLines,
  async *examples(source, split, note) {
    for await (const { prompt, tools, chosen, rejected } of source.pairs(split, note)) {
      const example: JsonObject = {
        input: { messages: prompt, ...withTools(tools) },
        preferred_output: [chosen],
        non_preferred_output: [rejected],
      };
      yield example;
    }
  },
};
