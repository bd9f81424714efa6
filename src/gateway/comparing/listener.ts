import { type JsonObject, isObject } from '../../core/canonical.ts';
import { createSseParser } from '../../providers/sse.ts';
import type { Client } from '../client.ts';

/** What is heard of one answer of the gateway. */
export interface Heard {
  /** Null where it is not recorded. */
  begun(completionId: string | null): void;
  /** False when whoever listens does not keep up: `drained` is called when it does again. */
  chunk(chunk: JsonObject): boolean;
  /** The error as OpenAI's clients get it. */
  failed(error: JsonObject): void;
}

/** A client within this process, which asks for a stream and hears its chunks one by one. */
export interface Listener {
  client: Client;
  drained(): void;
  /** It does not want the rest. */
  leave(): void;
}

/** Creates a client that takes a streamed answer apart. */
export function listen(heard: Heard): Listener {
  const parser = createSseParser();
  const leaving: (() => void)[] = [];
  const draining: (() => void)[] = [];
  let status = 200;
  let gone = false;

  function take(text: string): boolean {
    let free = true;
    for (const { data } of parser.push(Buffer.from(text))) {
      if (data === null || data === '[DONE]') continue;
      const event: unknown = JSON.parse(data);
      if (!isObject(event)) continue;
      if (isObject(event.error)) heard.failed(event.error);
      else free = heard.chunk(event) && free;
    }
    return free;
  }

  return {
    client: {
      gone: () => gone,
      head(code, headers) {
        status = code;
        heard.begun(headers['x-ratchet-completion-id'] || null);
      },
      flush: () => undefined,
      write: (text) => gone || take(text),
      end(text) {
        if (status < 300) take(text);
        else heard.failed(errorIn(text));
      },
      onGone(callback) {
        if (gone) callback();
        else leaving.push(callback);
      },
      onDrain: (callback) => void draining.push(callback),
    },
    drained() {
      for (const callback of draining) callback();
    },
    leave() {
      if (gone) return;
      gone = true;
      for (const callback of leaving) callback();
    },
  };
}

function errorIn(text: string): JsonObject {
  const body: unknown = JSON.parse(text);
  return isObject(body) && isObject(body.error) ? body.error : { message: text };
}
