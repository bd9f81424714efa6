/** One server-sent event. `data` is null for a comment, which is in `comment` then. */
export interface SseEvent {
  event: string | null;
  data: string | null;
  comment?: string;
}

/** A pure, incremental parser of `text/event-stream` that takes bytes however they were split. */
export interface SseParser {
  push(bytes: Uint8Array): SseEvent[];
  /** The event that the stream ended in, if it is whole but for its empty line. */
  end(): SseEvent[];
}

/** Creates a parser for one stream. Lines may end in LF, CRLF or CR. */
export function createSseParser(): SseParser {
  const decoder = new TextDecoder();
  let rest = '';
  let data: string[] = [];
  let event: string | null = null;

  function takeLine(line: string, out: SseEvent[]): void {
    if (line === '') return dispatch(out);
    const colon = line.indexOf(':');
    if (colon === 0) {
      out.push({ event: null, data: null, comment: line.slice(1).trimStart() });
      return;
    }
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') data.push(value);
    if (field === 'event') event = value;
  }

  function dispatch(out: SseEvent[]): void {
    if (data.length > 0) out.push({ event, data: data.join('\n') });
    data = [];
    event = null;
  }

  function takeText(text: string, last: boolean): SseEvent[] {
    const out: SseEvent[] = [];
    rest += text;
    // A CR at the very end may be the first half of a CRLF.
    const usable = last || !rest.endsWith('\r') ? rest : rest.slice(0, -1);
    const lines = usable.split(/\r\n|\n|\r/);
    rest = (lines.pop() ?? '') + rest.slice(usable.length);
    for (const line of lines) takeLine(line, out);
    return out;
  }

  return {
    push: (bytes) => takeText(decoder.decode(bytes, { stream: true }), false),
    end() {
      const out = takeText(decoder.decode(), true);
      if (rest !== '') takeLine(rest, out);
      rest = '';
      dispatch(out);
      return out;
    },
  };
}
