import { type JsonObject, isObject } from '../core/canonical.ts';
import type { RatchetError } from '../core/errors.ts';
import { openAiError } from './openai-error.ts';
import type { FrameWriter } from './ports.ts';
import { createSetter } from './splice.ts';

/** One server-sent event. `data` may have line breaks, as a pretty-printed chunk has. */
export function sseData(data: string, event: string | null = null): string {
  const name = event === null ? '' : `event: ${event}\n`;
  return `${name}data: ${data.includes('\n') ? data.replaceAll('\n', '\ndata: ') : data}\n\n`;
}

/** The event by which the clients of OpenAI's chat and text completions know that a stream failed. */
export function sseError(error: RatchetError): string {
  return sseData(JSON.stringify(openAiError(error).body));
}

/** Events that pass as they came, but for the id. `hideUsage`: the chunk that only has the usage was asked for by us. */
export function passedFrames(id: string, hideUsage: boolean): FrameWriter {
  const withId = createSetter('id', JSON.stringify(id));
  return {
    chunk: (chunk, data, event) => (hideUsage && isUsageOnly(chunk) ? '' : sseData(withId(data), event)),
    end: () => 'data: [DONE]\n\n',
    error: sseError,
  };
}

function isUsageOnly(chunk: JsonObject): boolean {
  return Array.isArray(chunk.choices) && chunk.choices.length === 0 && isObject(chunk.usage);
}
