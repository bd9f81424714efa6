import { type JsonObject, isObject } from '../core/canonical.ts';
import { type ErrorCode, RatchetError, asRatchetError } from '../core/errors.ts';
import type { Body } from '../providers/body.ts';
import { vendorMessage } from '../providers/errors.ts';
import { type SseEvent, createSseParser } from '../providers/sse.ts';
import { malformed } from './answer.ts';
import type { Client } from './client.ts';
import type { Collector } from './collect.ts';
import type { Call, FrameWriter } from './ports.ts';
import { type Recorder, storeError } from './recorder.ts';
import type { Reply } from './reply.ts';

export interface StreamOptions {
  provider: string;
  body: Body;
  /** Takes keys out of what the provider wrote. */
  redact: (text: string) => string;
  call: Call;
  frames: FrameWriter;
  collector: Collector;
  recorder: Recorder;
  client: Client;
  reply: Reply;
  /** Told when the first text, reasoning or tool call has come. */
  sawFirst: () => void;
}

/** How a stream ended, with what broke it. */
export interface StreamEnd {
  state: 'complete' | 'interrupted' | 'failed';
  error: RatchetError | null;
}

/** How long a finished answer is read on for its end, so that its connection can be used again, in ms. */
const lingerMs = 1_000;
/** How long the provider may go on after the last choice has ended, in ms. */
const tailMs = 3_000;
/** In characters; the largest that are sent are pictures. */
const largestEvent = 64 * 2 ** 20;

/**
 * Passes a provider's stream on. Everything up to the last content leaves as it comes; the frame that ends
 * the last choice, and all after it, only when the record is durable. A client that does not keep up makes the provider
 * wait. Resolves when the client has got all, or is gone, and the record is written; rejects when it could not be.
 */
export function passStream(options: StreamOptions): Promise<StreamEnd> {
  const { body, client, collector, recorder, reply } = options;
  const parser = createSseParser();
  const held: string[] = [];
  const ending = createEnding(options, held);
  let timer: NodeJS.Timeout | null = null;

  function take(events: readonly SseEvent[]): void {
    if (ending.over()) return;
    const { out, saidDone, fault } = takeEvents(events, options, held);
    if (collector.started()) options.sawFirst();
    if (events.length > 0) recorder.touch();
    if (out !== '' && !reply.write(out)) body.pause();
    if (parser.pending() > largestEvent)
      return ending.broken(malformed(options.provider, 'sent an event without an end'));
    if (fault !== undefined) return ending.broken(fault);
    if (saidDone) return linger();
    if (held.length > 0) timer ??= setTimeout(cutTail, tailMs);
  }

  function linger(): void {
    if (collector.count() > 0) ending.complete();
    else ending.broken(endedEarly(options.provider));
    if (timer) clearTimeout(timer);
    timer = setTimeout(() => body.cancel(), lingerMs);
    body.resume();
  }

  function cutTail(): void {
    ending.complete();
    body.cancel();
  }

  function atEnd(): void {
    if (timer) clearTimeout(timer);
    timer = null;
  }

  client.onDrain(() => body.resume());
  client.onGone(() => {
    atEnd();
    ending.leave();
  });
  body.read({
    piece: (bytes) => {
      if (!ending.over()) take(parser.push(bytes));
    },
    end() {
      take(parser.end());
      atEnd();
      if (collector.finished(1)) ending.complete();
      else ending.broken(endedEarly(options.provider));
    },
    fail(error) {
      atEnd();
      ending.broken(error);
    },
  });
  reply.flush();
  return ending.ended;
}

/** The three ways in which a stream ends. Only the first call counts. */
interface Ending {
  over(): boolean;
  readonly ended: Promise<StreamEnd>;
  complete(): void;
  broken(fault: unknown): void;
  /** The client is gone. */
  leave(): void;
}

function createEnding(
  { body, call, client, collector, frames, recorder, reply }: StreamOptions,
  held: string[],
): Ending {
  const done = Promise.withResolvers<StreamEnd>();
  let over = false;

  /** Sends what is last when the outcome is written, and says in its place when it could not be. */
  function finish(end: StreamEnd, last: () => string, kept: () => string): void {
    if (over) return;
    over = true;
    // What was said does not wait while its record is made.
    reply.flush();
    recorder.finish(end.state, end.error ?? undefined).then(
      () => {
        reply.end(last());
        done.resolve(end);
      },
      (thrown: unknown) => {
        const error = storeError(thrown);
        reply.end(kept() + frames.error(error));
        done.reject(error);
      },
    );
  }

  function complete(): void {
    finish(
      { state: 'complete', error: null },
      () => held.join('') + frames.end(),
      () => '',
    );
  }

  function broken(fault: unknown): void {
    // A cut after the last content loses nothing.
    if (collector.finished(call.choices)) return complete();
    const error = asRatchetError(fault);
    const state = collector.started() || client.gone() ? 'interrupted' : 'failed';
    const kept = (): string => held.join('');
    finish({ state, error }, () => kept() + frames.error(error), kept);
    body.cancel();
  }

  return {
    over: () => over,
    ended: done.promise,
    complete,
    broken,
    leave() {
      finish(
        { state: 'interrupted', error: clientGone() },
        () => '',
        () => '',
      );
      body.cancel();
    },
  };
}

/** What is recorded when the client leaves. */
export function clientGone(): RatchetError {
  return new RatchetError('Cancelled', 'The client went away before the answer was whole.');
}

interface Taken {
  out: string;
  saidDone: boolean;
  fault?: unknown;
}

/** Takes the events of one piece; what came before a fault still goes to the client. */
function takeEvents(events: readonly SseEvent[], options: StreamOptions, held: string[]): Taken {
  let out = '';
  try {
    for (const event of events) {
      if (event.data === '[DONE]' || event.data?.trim() === '[DONE]') return { out, saidDone: true };
      const text = takeEvent(event, options);
      // Nothing after the last content is sent before the record is written.
      if (options.collector.finished(options.call.choices)) held.push(text);
      else out += text;
    }
  } catch (fault) {
    return { out, saidDone: false, fault };
  }
  return { out, saidDone: false };
}

function takeEvent(
  { data, event, comment }: SseEvent,
  { provider, redact, call, collector, frames }: StreamOptions,
): string {
  if (data === null) return `: ${comment ?? ''}\n\n`;
  const chunk = parseChunk(data, provider);
  if (chunk.error !== undefined && chunk.error !== null) throw reportedError(chunk, provider, redact);
  collector.add(call.collectable(chunk));
  return frames.chunk(chunk, data, event);
}

function parseChunk(data: string, provider: string): JsonObject {
  let chunk: unknown;
  try {
    chunk = JSON.parse(data);
  } catch (error) {
    throw malformed(provider, 'sent a piece of a stream that is not JSON', error);
  }
  if (isObject(chunk)) return chunk;
  throw malformed(provider, 'sent a piece of a stream that is not an object');
}

function reportedError(chunk: JsonObject, provider: string, redact: StreamOptions['redact']): RatchetError {
  const said = redact(vendorMessage(JSON.stringify(chunk)));
  const status = isObject(chunk.error) ? chunk.error.code : undefined;
  const code: ErrorCode = status === 429 ? 'RateLimited' : 'ProviderUnavailable';
  return new RatchetError(code, `${provider} stopped with an error: ${said}`, {
    details: { provider, ...(typeof status === 'number' && { providerStatus: status }) },
  });
}

/** ProviderUnavailable for a stream that ends too soon. */
export function endedEarly(provider: string): RatchetError {
  return new RatchetError('ProviderUnavailable', `${provider} stopped before the answer was whole: send it again.`, {
    details: { provider },
  });
}
