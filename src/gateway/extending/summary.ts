import { createHash } from 'node:crypto';
import { canonicalJson } from '../../core/canonical.ts';
import { RatchetError } from '../../core/errors.ts';
import { type WireMessage, textOf } from '../../core/message.ts';

/** Asks a model for one answer, without a record of what was said. */
export type AskOnce = (model: string, messages: WireMessage[]) => Promise<string>;

/** Summaries of what was left out of histories. Nothing of them is kept on disk. */
export interface Summaries {
  /** One message that stands for those that are left out. ProviderUnavailable when the model gives none. */
  of(model: string, left: readonly WireMessage[], ask: AskOnce): Promise<WireMessage>;
}

const mostKept = 500;
const task =
  'Summarise the conversation so far for yourself: facts about the user, decisions, names, numbers, open questions. At most 200 words. Only the summary.';

/** Creates the memory of summaries: a conversation that goes on is summarised from its last summary, not from its start. */
export function createSummaries(): Summaries {
  const known = new Map<string, string>();

  function remember(key: string, text: string): void {
    known.delete(key);
    known.set(key, text);
    const [oldest] = known.keys();
    if (known.size > mostKept && oldest !== undefined) known.delete(oldest);
  }

  /** The longest beginning that there is a summary of. */
  function longest(model: string, left: readonly WireMessage[]): { upTo: number; text: string } {
    for (let upTo = left.length; upTo > 0; upTo -= 1) {
      const text = known.get(keyOf(model, left.slice(0, upTo)));
      if (text !== undefined) return { upTo, text };
    }
    return { upTo: 0, text: '' };
  }

  return {
    async of(model, left, ask) {
      const { upTo, text } = longest(model, left);
      if (upTo === left.length) return summaryMessage(text);
      const before = upTo === 0 ? [] : [summaryMessage(text)];
      const said = left.slice(upTo).map(sayOf).join('\n');
      const summary = (await ask(model, [...before, { role: 'user', content: `${said}\n\n${task}` }])).trim();
      if (summary === '') {
        throw new RatchetError(
          'ProviderUnavailable',
          `${model} gave no summary of the conversation: ask with conversation.memory "cut", or another model.`,
        );
      }
      remember(keyOf(model, left), summary);
      return summaryMessage(summary);
    },
  };
}

function summaryMessage(text: string): WireMessage {
  return { role: 'system', content: `Summary of the conversation before this point:\n${text}` };
}

function sayOf(message: WireMessage): string {
  const calls = Array.isArray(message.tool_calls) ? ` ${JSON.stringify(message.tool_calls)}` : '';
  return `${message.role}: ${textOf(message.content)}${calls}`;
}

function keyOf(model: string, messages: readonly WireMessage[]): string {
  return createHash('sha256').update(canonicalJson({ model, messages })).digest('base64');
}
