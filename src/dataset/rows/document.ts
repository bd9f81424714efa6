import { type WireMessage, textOf } from '../../core/message.ts';

/** An exchange that is shorter than this, in characters, is told apart by what came before it. */
const telling = 320;

/** What of a row is compared with other rows, as {@link linesOfDocument} has it, in one text. */
export function documentOf(messages: readonly WireMessage[]): string {
  return linesOfDocument(messages).join('\n');
}

/**
 * What of a row is compared with other rows: what came after the answer before, and the answer; with the messages before
 * that as far as they are needed to tell it from other short ones. A text for each message, of which each is by itself in NFC, as they
 * are together.
 */
export function linesOfDocument(messages: readonly WireMessage[]): string[] {
  let from = messages.findLastIndex(({ role }, at) => role === 'assistant' && at < messages.length - 1) + 1;
  const lines = messages.slice(from).map(said);
  let length = lines.reduce((sum, line) => sum + line.length, lines.length - 1);
  while (length < telling && from > 0) {
    from -= 1;
    const line = said(messages[from] as WireMessage);
    lines.unshift(line);
    length += line.length + 1;
  }
  return lines.map((line) => line.normalize('NFC'));
}

function said({ content, tool_calls: calls }: WireMessage): string {
  const text = textOf(content);
  return Array.isArray(calls) ? `${text}\n${JSON.stringify(calls)}` : text;
}
