import type { Json, JsonObject } from '../../core/canonical.ts';

/** What all chunks of one answer share. */
export interface ChunkFrame {
  id: string;
  model: string;
  /** Seconds since 1970. */
  created: number;
}

/** A chunk of the one choice that there is. */
export function deltaChunk(frame: ChunkFrame, delta: JsonObject, more: JsonObject = {}): string {
  return chunkOf(frame, [{ index: 0, delta, finish_reason: null, ...more }]);
}

/** The chunk that ends the choice. */
export function finishChunk(frame: ChunkFrame, reason: string, more: JsonObject = {}): string {
  return chunkOf(frame, [{ index: 0, delta: {}, finish_reason: reason, ...more }]);
}

/** The chunk with the usage, after all others. */
export function usageChunk(frame: ChunkFrame, usage: JsonObject): string {
  return chunkOf(frame, [], { usage });
}

/** The end of a stream. */
export const doneFrame = 'data: [DONE]\n\n';

function chunkOf({ id, model, created }: ChunkFrame, choices: Json[], more: JsonObject = {}): string {
  return `data: ${JSON.stringify({ id, object: 'chat.completion.chunk', created, model, choices, ...more })}\n\n`;
}
