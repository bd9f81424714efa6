import { type JsonObject, isObject } from '../core/canonical.ts';
import { type ErrorCode, RatchetError, asRatchetError } from '../core/errors.ts';
import { redact, vendorMessage } from '../providers/errors.ts';
import { type SseEvent, createSseParser } from '../providers/sse.ts';
import type { Collector } from './collect.ts';
import { openAiError } from './openai-error.ts';
import { type Recorder, storeError } from './recorder.ts';

export interface StreamOptions {
  provider: string;
  body: AsyncIterable<Uint8Array>;
  collector: Collector;
  recorder: Recorder;
  /** How many choices were asked for. */
  choices: number;
  /** Whether the chunk that only has the usage is ours and not the client's. */
  hidesUsage: boolean;
  /** Aborted when the client is gone. */
  gone: AbortSignal;
  /** Ends the provider's call. */
  closeUpstream: () => void;
}

interface Step {
  text: string;
  /** Nothing after the last content is sent before the record is written. */
  hold: boolean;
  done: boolean;
}

const done = 'data: [DONE]\n\n';
const lingerMs = 1_000;

/**
 * The frames that the client gets. Everything up to the last content passes as it comes, one piece for each piece of the
 * provider's; the frame that ends the last choice, and all after it, only when the record is durable.
 */
export async function* streamFrames(options: StreamOptions): AsyncGenerator<string> {
  const held: string[] = [];
  try {
    yield* liveFrames(options, held);
  } catch (error) {
    // A cut after the last content loses nothing.
    if (options.gone.aborted || !options.collector.finished(options.choices)) {
      yield* failedFrames(options, held, error);
      return;
    }
  }
  try {
    await options.recorder.finish('complete');
  } catch (error) {
    yield errorFrame(storeError(error));
    return;
  }
  yield held.join('') + done;
}

/** Passes on what comes, fills `held`, and returns when the answer is whole. */
async function* liveFrames(options: StreamOptions, held: string[]): AsyncGenerator<string> {
  const { recorder, collector } = options;
  const parser = createSseParser();
  const pieces = options.body[Symbol.asyncIterator]();
  for (;;) {
    const piece = await pieces.next();
    const events = piece.done ? parser.end() : parser.push(piece.value);
    const { out, saidDone, fault } = takeEvents(events, options, held);
    if (collector.started) recorder.first();
    if (events.length > 0) recorder.touch();
    if (out !== '') yield out;
    if (fault !== undefined) throw fault;
    if (saidDone) void linger(pieces, options.closeUpstream);
    if (saidDone && collector.choices().length > 0) return;
    if (piece.done && collector.finished(1)) return;
    if (saidDone || piece.done) throw endedEarly(options.provider);
  }
}

/** Takes the events of one piece; what came before a fault still goes to the client. */
function takeEvents(
  events: readonly SseEvent[],
  options: StreamOptions,
  held: string[],
): { out: string; saidDone: boolean; fault?: unknown } {
  let out = '';
  try {
    for (const event of events) {
      const step = takeEvent(event, options);
      if (step.done) return { out, saidDone: true };
      if (step.hold) held.push(step.text);
      else out += step.text;
    }
  } catch (fault) {
    return { out, saidDone: false, fault };
  }
  return { out, saidDone: false };
}

/** Reads a finished answer to its end, so that its connection can be used again. */
async function linger(pieces: AsyncIterator<Uint8Array>, close: () => void): Promise<void> {
  const timer = setTimeout(close, lingerMs);
  try {
    while (!(await pieces.next()).done);
  } catch {
    // The connection is gone, which is as good.
  } finally {
    clearTimeout(timer);
  }
}

async function* failedFrames(options: StreamOptions, held: string[], error: unknown): AsyncGenerator<string> {
  const { recorder, collector, gone } = options;
  const state = collector.started || gone.aborted ? 'interrupted' : 'failed';
  const shown = await recorder.finish(state, error).then(() => asRatchetError(error), storeError);
  if (!gone.aborted) yield held.join('') + errorFrame(shown);
}

function takeEvent(event: SseEvent, options: StreamOptions): Step {
  const { collector, recorder } = options;
  const isOver = (): boolean => collector.finished(options.choices);
  if (event.data === null) return { text: `: ${event.comment ?? ''}\n\n`, hold: isOver(), done: false };
  if (event.data.trim() === '[DONE]') return { text: '', hold: true, done: true };
  const chunk = parseChunk(event.data, options.provider);
  if (chunk.error !== undefined && chunk.error !== null) throw reportedError(chunk, options.provider);
  collector.add(chunk);
  const hidden = options.hidesUsage && isUsageOnly(chunk);
  const name = event.event === null ? '' : `event: ${event.event}\n`;
  const text = hidden ? '' : `${name}data: ${JSON.stringify({ ...chunk, id: recorder.id })}\n\n`;
  return { text, hold: isOver(), done: false };
}

function parseChunk(data: string, provider: string): JsonObject {
  try {
    const chunk: unknown = JSON.parse(data);
    if (isObject(chunk)) return chunk;
  } catch (error) {
    throw new RatchetError('ProviderUnavailable', `${provider} sent a piece of a stream that is not JSON.`, {
      cause: error,
      details: { provider },
    });
  }
  throw new RatchetError('ProviderUnavailable', `${provider} sent a piece of a stream that is not an object.`, {
    details: { provider },
  });
}

function reportedError(chunk: JsonObject, provider: string): RatchetError {
  const said = redact(vendorMessage(JSON.stringify(chunk)));
  const status = isObject(chunk.error) ? chunk.error.code : undefined;
  const code: ErrorCode = status === 429 ? 'RateLimited' : 'ProviderUnavailable';
  return new RatchetError(code, `${provider} stopped with an error: ${said}`, {
    details: { provider, ...(typeof status === 'number' && { providerStatus: status }) },
  });
}

function endedEarly(provider: string): RatchetError {
  return new RatchetError('ProviderUnavailable', `${provider} stopped before the answer was whole: send it again.`, {
    details: { provider },
  });
}

function isUsageOnly(chunk: JsonObject): boolean {
  return Array.isArray(chunk.choices) && chunk.choices.length === 0 && isObject(chunk.usage);
}

function errorFrame(error: RatchetError): string {
  return `data: ${JSON.stringify(openAiError(error).body)}\n\n`;
}
