import { jsonLines } from './encodings.ts';
import { trlMessages, withTools } from './trl-messages.ts';
import type { Exporter } from './types.ts';

/** TRL's preference: `{"prompt", "chosen", "rejected", "tools"?}`. */
export const trlPreference: Exporter = {
  format: 'trl-preference',
  about: "TRL's DPOTrainer and its kin",
  encoding: jsonLines,
  async *examples(source, split, note) {
    for await (const { id, prompt, tools, chosen, rejected } of source.pairs(split, note)) {
      yield {
        prompt: trlMessages(id, prompt, note),
        chosen: trlMessages(id, [chosen], note),
        rejected: trlMessages(id, [rejected], note),
        ...withTools(tools),
      };
    }
  },
};
