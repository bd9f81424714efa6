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
  /** How many characters of an event that is not whole yet are kept. */
  pending(): number;
}

const whole = new TextDecoder('utf-8', { ignoreBOM: true });

/** Creates a parser for one stream. Lines may end in LF, CRLF or CR. */
export function createSseParser(): SseParser {
  const decode = createDecoder();
  /** The line that is not whole yet, in the pieces in which it came: it is searched once only. */
  let rest: string[] = [];
  let pending = 0;
  let data: string[] = [];
  let event: string | null = null;
  /** The last piece ended in CR; a LF that comes now belongs to it. */
  let afterCr = false;

  function takeLine(line: string, out: SseEvent[]): void {
    if (line === '') return dispatch(out);
    const colon = line.indexOf(':');
    if (colon === 0) {
      out.push({ event: null, data: null, comment: line.slice(1).trimStart() });
      return;
    }
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line.charCodeAt(colon + 1) === 0x20 ? colon + 2 : colon + 1);
    if (field === 'data') data.push(value);
    if (field === 'event') event = value;
  }

  function dispatch(out: SseEvent[]): void {
    if (data.length > 0) out.push({ event, data: data.length === 1 ? (data[0] ?? '') : data.join('\n') });
    pending = 0;
    data = [];
    event = null;
  }

  function takeText(text: string): SseEvent[] {
    const out: SseEvent[] = [];
    if (text === '') return out;
    if (pending === 0 && !afterCr && isOneEvent(text)) return [{ event: null, data: text.slice(6, -2) }];
    let from = afterCr && text.charCodeAt(0) === 0x0a ? 1 : 0;
    afterCr = false;
    pending += text.length;
    let [cr, lf] = [text.indexOf('\r', from), text.indexOf('\n', from)];
    while (cr !== -1 || lf !== -1) {
      const end = cr === -1 || (lf !== -1 && lf < cr) ? lf : cr;
      takeLine(unfinished() + text.slice(from, end), out);
      from = end === cr && text.charCodeAt(end + 1) === 0x0a ? end + 2 : end + 1;
      afterCr = end === cr && from === text.length && text.charCodeAt(from - 1) === 0x0d;
      if (cr !== -1 && cr < from) cr = text.indexOf('\r', from);
      if (lf !== -1 && lf < from) lf = text.indexOf('\n', from);
    }
    if (from < text.length) rest.push(text.slice(from));
    return out;
  }

  function unfinished(): string {
    if (rest.length === 0) return '';
    const line = rest.join('');
    rest = [];
    return line;
  }

  return {
    push: (bytes) => takeText(decode(bytes)),
    end() {
      const out = takeText(decode(null));
      const line = unfinished();
      if (line !== '') takeLine(line, out);
      dispatch(out);
      return out;
    },
    pending: () => pending,
  };
}

/** Whether a text is one whole event with one line of data, as nearly every piece of a stream is. */
function isOneEvent(text: string): boolean {
  return (
    text.startsWith('data: ') && text.indexOf('\n') === text.length - 2 && text.endsWith('\n\n') && !text.includes('\r')
  );
}

/** Decodes UTF-8 in pieces; null is the end. Most pieces end with whole characters, which is faster to decode. */
function createDecoder(): (bytes: Uint8Array | null) => string {
  const partial = new TextDecoder('utf-8', { ignoreBOM: true });
  let cut = false;
  let first = true;
  return (bytes) => {
    if (bytes?.length === 0) return '';
    const ascii = bytes !== null && (bytes.at(-1) ?? 0) < 0x80;
    const text =
      ascii && !cut ? whole.decode(bytes) : partial.decode(bytes ?? undefined, { stream: bytes !== null && !ascii });
    cut = bytes !== null && !ascii;
    const marked = first && text.charCodeAt(0) === 0xfeff;
    if (text !== '') first = false;
    return marked ? text.slice(1) : text;
  };
}
