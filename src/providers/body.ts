/** Who reads a body. After `end` or `fail` nothing more comes. */
export interface BodyReader {
  piece(bytes: Uint8Array): void;
  end(): void;
  fail(error: unknown): void;
}

/** A body as it comes off the wire, for one reader. */
export interface Body {
  /** Hands on each piece in the tick in which it came, those that came before at once. */
  read(reader: BodyReader): void;
  /** Nothing more is taken off the wire until `resume`. */
  pause(): void;
  resume(): void;
  /** Ends the exchange; the reader hears nothing more. */
  cancel(): void;
}

/** The side of a body that is filled. */
export interface BodySource {
  readonly body: Body;
  push(bytes: Uint8Array): void;
  end(): void;
  fail(error: unknown): void;
}

/** The connection that a body comes from. */
export interface BodyFlow {
  pause(): void;
  resume(): void;
  abort(reason: Error): void;
}

/** How much is taken off the wire before there is a reader, in pieces. */
const mostEarly = 16;

/** Creates a body over a connection. */
export function createBody(flow: BodyFlow): BodySource {
  const early: ((reader: BodyReader) => void)[] = [];
  let reader: BodyReader | null = null;
  let cancelled = false;

  function pass(event: (reader: BodyReader) => void): void {
    if (cancelled) return;
    if (reader) return event(reader);
    early.push(event);
    if (early.length === mostEarly) flow.pause();
  }

  return {
    push: (bytes) => pass((to) => to.piece(bytes)),
    end: () => pass((to) => to.end()),
    fail: (error) => pass((to) => to.fail(error)),
    body: {
      read(to) {
        reader = to;
        const full = early.length >= mostEarly;
        for (const event of early.splice(0)) if (!cancelled) event(to);
        if (full && !cancelled) flow.resume();
      },
      pause: () => flow.pause(),
      resume: () => flow.resume(),
      cancel() {
        if (cancelled) return;
        cancelled = true;
        flow.abort(new Error('the body is not needed any more'));
      },
    },
  };
}

/** Reads a whole body as UTF-8, at most `limit` bytes; longer ones are cut off when `cut` is set, else a RangeError. */
export function readBody(body: Body, limit: number, cut = false): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = [];
    let size = 0;
    const done = (): void => {
      const bytes = parts.length === 1 ? parts[0] : Buffer.concat(parts);
      resolve(utf8.decode(size > limit ? bytes?.subarray(0, limit) : bytes));
    };
    body.read({
      piece(bytes) {
        parts.push(bytes);
        size += bytes.byteLength;
        if (size <= limit) return;
        body.cancel();
        if (cut) done();
        else reject(new RangeError(`the body is larger than ${limit} bytes`));
      },
      end: done,
      fail: reject,
    });
  });
}

const utf8 = new TextDecoder();
