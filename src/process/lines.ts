import { StringDecoder } from 'node:string_decoder';

/** Longer lines are cut here, so that a child that prints without end cannot fill our memory. */
export const maxLineLength = 1024 * 1024;

export interface LineSplitter {
  push(chunk: Buffer): void;
  /** Hands on what is left when the last line has no end. */
  end(): void;
}

/** Splits bytes into lines (`\n` or `\r\n`); a character that two chunks share stays whole. */
export function splitLines(onLine: (line: string) => void, limit = maxLineLength): LineSplitter {
  const decoder = new StringDecoder('utf8');
  let parts: string[] = [];
  let length = 0;

  const add = (text: string) => {
    const room = limit - length;
    if (room <= 0 || text === '') return;
    parts.push(text.slice(0, room));
    length += Math.min(text.length, room);
  };
  const flush = () => {
    const line = parts.join('');
    parts = [];
    length = 0;
    onLine(line.endsWith('\r') ? line.slice(0, -1) : line);
  };
  const take = (text: string) => {
    let start = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      add(text.slice(start, end));
      flush();
      start = end + 1;
    }
    add(text.slice(start));
  };

  return {
    push: (chunk) => take(decoder.write(chunk)),
    end: () => {
      take(decoder.end());
      if (length > 0) flush();
    },
  };
}
