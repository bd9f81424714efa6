import type { RatchetError } from '../core/errors.ts';
import type { Client } from './client.ts';
import { errorHeaders, httpStatus, openAiError } from './openai-error.ts';
import type { FrameWriter } from './ports.ts';

/** The answer to one call on its way to the client. */
export interface Reply {
  /** The status that the client got, or would have got; 499 when it went away before. */
  status(): number;
  /** Whether the head is out, so that a failure can only be an event of the stream. */
  begun(): boolean;
  whole(text: string, headers: Readonly<Record<string, string>>): void;
  /** Sends the head of a stream, if it is not out yet. */
  open(headers: Readonly<Record<string, string>>): void;
  /** Sends what there is now, if only the head: what is done next takes time. */
  flush(): void;
  /** False when the client does not keep up. */
  write(text: string): boolean;
  end(text: string): void;
  /** Says what went wrong: with a status, or as an event where the head is out. */
  fail(error: RatchetError, frames: FrameWriter | null, headers: Readonly<Record<string, string>>): void;
  /** From now on the stream's silence is broken by comments; `headers` gives the head, null as long as it is unknown. */
  keepAlive(headers: () => Readonly<Record<string, string>> | null): void;
  /** No more keep-alives. */
  stop(): void;
}

export interface ReplyOptions {
  client: Client;
  /** How long a stream may be silent before a comment is sent, in ms. */
  quietMs: number;
}

const streamHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  'x-accel-buffering': 'no',
};
const wholeHeaders = { 'content-type': 'application/json', 'cache-control': 'no-cache' };
const comment = ': keep-alive\n\n';

/** Creates the reply to a client. */
export function createReply({ client, quietMs }: ReplyOptions): Reply {
  let status = 200;
  let begun = false;
  let timer: NodeJS.Timeout | null = null;
  let blocked = false;

  function stop(): void {
    if (timer) clearInterval(timer);
    timer = null;
  }

  function open(headers: Readonly<Record<string, string>>): void {
    if (begun) return;
    begun = true;
    client.head(200, { ...streamHeaders, ...headers });
  }

  function write(text: string): boolean {
    timer?.refresh();
    const free = client.write(text);
    blocked = !free;
    return free;
  }

  return {
    status: () => (client.gone() && !begun ? 499 : status),
    begun: () => begun,
    whole(text, headers) {
      begun = true;
      client.head(200, { ...wholeHeaders, ...headers });
      client.end(text);
    },
    open,
    flush() {
      if (!client.gone()) client.flush();
    },
    write,
    end(text) {
      stop();
      client.end(text);
    },
    fail(error, frames, headers) {
      stop();
      status = httpStatus(error);
      if (client.gone()) return;
      if (begun) return client.end(frames?.error(error) ?? '');
      begun = true;
      client.head(status, { ...wholeHeaders, ...headers, ...errorHeaders(error) });
      client.end(JSON.stringify(openAiError(error).body));
    },
    keepAlive(headers) {
      client.onDrain(() => (blocked = false));
      timer = setInterval(() => {
        const known = begun ? {} : headers();
        // What a client that does not read has not read keeps its connection alive as well.
        if (!known || blocked || client.gone()) return;
        open(known);
        write(comment);
      }, quietMs);
    },
    stop,
  };
}
