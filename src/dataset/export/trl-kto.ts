import { jsonLines } from './encodings.ts';
import { trlMessages, withTools } from './trl-messages.ts';
import type { Exporter } from './types.ts';

/** TRL's unpaired preference: `{"prompt", "completion", "label", "tools"?}`. */
export const trlKto: Exporter = {
  format: 'trl-kto',
  about: "TRL's KTOTrainer: single answers, good or bad",
  encoding: jsonLines,
  async *examples(source, split, note) {
    for await (const { id, prompt, tools, answer, good } of source.judged(split, note)) {
      yield {
        prompt: trlMessages(id, prompt, note),
        completion: trlMessages(id, [answer], note),
        label: good,
        ...withTools(tools),
      };
    }
  },
};
