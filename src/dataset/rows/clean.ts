import type { WireMessage } from '../../core/message.ts';

const plain = /^[\n -~]*$/u;
const fence = /^ {0,3}(`{3,}|~{3,})/u;

/**
 * A text as it is learned: Unicode NFC, line feeds, nothing invisible. Outside fenced code also no white space at the end
 * of a line, one kind of space, and at most one empty line in a row; none at the ends of the text.
 */
export function cleanText(text: string): string {
  if (isClean(text)) return text;
  const lines = text.normalize('NFC').replaceAll(/\r\n?/gu, '\n').split('\n');
  const clean: string[] = [];
  let open: string | null = null;
  for (const line of lines) {
    if (open === null) {
      // What opens code is told by what stays of a line: so it is the same when it is read again.
      const plain = clean.length === 0 ? cleanLine(line).trimStart() : cleanLine(line);
      if (plain !== '' || !['', undefined].includes(clean.at(-1))) clean.push(plain);
      open = fence.exec(plain)?.[1] ?? null;
    } else {
      clean.push(line);
      const [, mark] = fence.exec(line) ?? [];
      if (mark?.startsWith(open) && line.trim() === mark) open = null;
    }
  }
  return trimLines(clean);
}

/** Whether a text, as most are, is of printable ASCII and line feeds, with nothing to put right. One expression takes three times as long. */
function isClean(text: string): boolean {
  if (!plain.test(text) || text.trim() !== text) return false;
  return !text.includes('\n') || !(text.includes(' \n') || text.includes('\n\n\n'));
}

/** Zero width and byte order marks, and controls but the tab; U+200C and U+200D join letters in some scripts, and emoji. */
const invisible = /[[\p{Cc}\u00ad\u200b\u2060\ufeff]--\t]/gv;
const spaces = /[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/gu;

function cleanLine(line: string): string {
  return line.replaceAll(invisible, '').replaceAll(spaces, ' ').trimEnd();
}

function trimLines(lines: readonly string[]): string {
  let [from, to] = [0, lines.length];
  while (from < to && lines[from]?.trim() === '') from += 1;
  while (from < to && lines[to - 1]?.trim() === '') to -= 1;
  return lines.slice(from, to).join('\n').trimStart();
}

/** A message with its text cleaned; the very same where there was nothing to do. */
export function cleanMessage(message: WireMessage): WireMessage {
  const { content } = message;
  if (typeof content !== 'string') return message;
  const clean = cleanText(content);
  return clean === content ? message : { ...message, content: clean };
}
