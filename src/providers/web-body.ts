import { type Body, type BodySource, createBody } from './body.ts';

export interface WebBodyOptions {
  /** Ends the body, whether the stream follows it or not. */
  signal: AbortSignal;
  asError: (error: unknown) => Error;
}

/** A web stream as a body. It is read on only as fast as the reader takes what comes. */
export function webBody(stream: ReadableStream<Uint8Array> | null, { signal, asError }: WebBodyOptions): Body {
  const reader = stream?.getReader();
  let wake: (() => void) | null = null;
  let gate: Promise<void> | null = null;
  const state = { ended: false };

  const source: BodySource = createBody({
    pause() {
      gate ??= new Promise((resolve) => (wake = resolve));
    },
    resume() {
      wake?.();
      gate = wake = null;
    },
    abort: (reason) => stop(reason),
  });

  function stop(reason: unknown): void {
    state.ended = true;
    wake?.();
    signal.removeEventListener('abort', cutOff);
    void reader?.cancel(reason).catch(() => {});
  }

  function cutOff(): void {
    if (state.ended) return;
    stop(signal.reason);
    source.fail(asError(signal.reason));
  }

  async function pump(): Promise<void> {
    try {
      for (let next = await reader?.read(); next && !next.done && !state.ended; next = await reader?.read()) {
        source.push(next.value);
        if (gate) await gate;
      }
      if (!state.ended) source.end();
    } catch (error) {
      if (!state.ended) source.fail(asError(error));
    }
    signal.removeEventListener('abort', cutOff);
  }

  signal.addEventListener('abort', cutOff, { once: true });
  void pump();
  return source.body;
}
