import { type WireMessage, textOf } from '../../core/message.ts';

/** An exchange that is shorter than this, in characters, is told apart by what came before it. */
const telling = 320;

/**
 * What of a row is compared with other rows: what came after the answer before, and the answer; with the messages before
 * that as far as they are needed to tell it from other short ones.
 */
export function documentOf(messages: readonly WireMessage[]): string {
  const before = messages.findLastIndex(({ role }, at) => role === 'assistant' && at < messages.length - 1);
  let from = before + 1;
  let text = messages.slice(from).map(said).join('\n');
  while (text.length < telling && from > 0) {
    from -= 1;
    text = `${said(messages[from] as WireMessage)}\n${text}`;
  }
  return text.normalize('NFC');
}

function said({ content, tool_calls: calls }: WireMessage): string {
  const text = textOf(content);
  return Array.isArray(calls) ? `${text}\n${JSON.stringify(calls)}` : text;
}
