import { type JsonObject, isObject } from '../../core/canonical.ts';
import type { RatchetError } from '../../core/errors.ts';
import { type SseEvent, createSseParser } from '../sse.ts';
import type { StreamTranslator } from '../translation/answer.ts';
import { type ChunkFrame, deltaChunk, doneFrame, finishChunk, usageChunk } from '../translation/chunks.ts';
import { textOf } from '../translation/text.ts';
import { createBlocks } from './blocks.ts';
import { explanationOf, finishReason } from './ending.ts';
import type { Reading } from './request.ts';
import { mergeUsage, usageOf } from './usage.ts';

export interface MessageStreamOptions {
  reading: Reading;
  /** Seconds since 1970. */
  created: number;
  /** What an event is that cannot be read. */
  malformed: (problem: string, cause?: unknown) => RatchetError;
  /** What an error is that the service reports in the middle. */
  reported: (event: JsonObject) => RatchetError;
}

/** In characters. */
const largestEvent = 64 * 2 ** 20;

/** Translates the events of Anthropic's stream one by one. */
export function createMessageStream({ reading, created, malformed, reported }: MessageStreamOptions): StreamTranslator {
  const parser = createSseParser();
  const blocks = createBlocks(reading);
  let frame: ChunkFrame = { id: '', model: '', created };
  let usage: JsonObject = {};
  /** Whether the client has been told who speaks. Until then another could be asked, so that a start alone says nothing. */
  let opened = false;

  function told(delta: JsonObject | null): string {
    if (!delta) return '';
    const first = !opened;
    opened = true;
    if (!first) return deltaChunk(frame, delta);
    const speaks = Object.keys(delta).every((key) => key === 'content');
    return deltaChunk(frame, { role: 'assistant', content: speaks ? '' : null, ...delta });
  }

  function takeEvent({ data, comment }: SseEvent): string {
    if (data === null) return opened ? `: ${comment ?? ''}\n\n` : '';
    const event = parseEvent(data, malformed);
    switch (textOf(event.type)) {
      case 'message_start':
        begin(isObject(event.message) ? event.message : {});
        return '';
      case 'content_block_start':
        return told(blocks.start(event));
      case 'content_block_delta':
        return told(blocks.delta(event));
      case 'content_block_stop':
        return told(blocks.stop(event));
      case 'message_delta':
        return finish(event);
      case 'message_stop':
        return close();
      case 'error':
        throw reported(event);
      case 'ping':
        return opened ? ': ping\n\n' : '';
      default:
        // New kinds of events are to be expected, says Anthropic.
        return '';
    }
  }

  function begin({ id, model, usage: counted }: JsonObject): void {
    frame = { id: textOf(id), model: textOf(model), created };
    usage = mergeUsage(usage, counted);
  }

  function finish({ delta, usage: counted }: JsonObject): string {
    usage = mergeUsage(usage, counted);
    if (!isObject(delta)) return '';
    const { stop_reason: reason, stop_sequence: sequence, stop_details: details } = delta;
    const explanation = explanationOf(details);
    const why = told(explanation === null ? (opened ? null : {}) : { refusal: explanation });
    if (typeof reason !== 'string') return why;
    const more: JsonObject = typeof sequence === 'string' ? { stop_sequence: sequence } : {};
    return why + finishChunk(frame, finishReason(reason, reading, blocks.calls()), more);
  }

  function close(): string {
    const counted = reading.usage ? usageOf(usage) : null;
    return (counted ? usageChunk(frame, counted) : '') + doneFrame;
  }

  function* take(events: readonly SseEvent[]): Iterable<string> {
    for (const event of events) yield takeEvent(event);
    if (parser.pending() > largestEvent) throw malformed('sent an event without an end');
  }

  return {
    push: (bytes) => take(parser.push(bytes)),
    end: () => take(parser.end()),
  };
}

function parseEvent(data: string, malformed: MessageStreamOptions['malformed']): JsonObject {
  try {
    const event: unknown = JSON.parse(data);
    if (isObject(event)) return event;
  } catch (error) {
    throw malformed('sent a piece of a stream that is not JSON', error);
  }
  throw malformed('sent a piece of a stream that is not an object');
}
