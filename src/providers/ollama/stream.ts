import { type JsonObject, isObject } from '../../core/canonical.ts';
import type { RatchetError } from '../../core/errors.ts';
import type { StreamTranslator } from '../translation/answer.ts';
import { doneFrame } from '../translation/chunks.ts';
import { textOf } from '../translation/text.ts';
import { createLines } from './lines.ts';
import { type AnswerFrame, callsOf, deltaOf, finishOf, logprobsOf, usageOf } from './answer.ts';

export interface NativeStreamOptions {
  path: 'chat' | 'generate';
  /** Its model is that of the answer, once it is told. */
  frame: AnswerFrame;
  /** Whether the client, or the gateway for it, wants to know the tokens. */
  usage: boolean;
  malformed: (problem: string, cause?: unknown) => RatchetError;
  /** What an error is that comes in the middle. */
  reported: (line: JsonObject) => RatchetError;
}

/** Translates the lines of a stream of Ollama's own API one by one. */
export function createNativeStream({ path, frame, usage, malformed, reported }: NativeStreamOptions): StreamTranslator {
  const lines = createLines();
  let shared = { ...frame, system_fingerprint: 'fp_ollama' };
  let opened = false;
  let calls = 0;

  const frameOf = (choices: JsonObject[], more: JsonObject = {}): string => {
    const object = path === 'chat' ? 'chat.completion.chunk' : 'text_completion';
    return `data: ${JSON.stringify({ ...shared, object, choices, ...more })}\n\n`;
  };

  function takeLine(line: string): string {
    const piece = parseLine(line, malformed);
    if (piece.error !== undefined) throw reported(piece);
    if (typeof piece.model === 'string') shared = { ...shared, model: piece.model };
    const said = path === 'chat' ? deltaChunk(piece) : textChunk(piece);
    return piece.done === true ? said + close(piece) : said;
  }

  function deltaChunk(piece: JsonObject): string {
    const message = isObject(piece.message) ? piece.message : {};
    const called = callsOf(message, calls);
    calls += called.length;
    const content = textOf(message.content);
    const delta: JsonObject = {
      ...(!opened && { role: 'assistant' }),
      ...((content !== '' || !opened) && { content }),
      ...deltaOf(message),
      ...(called.length > 0 && { tool_calls: called }),
    };
    if (Object.keys(delta).length === 0 && piece.logprobs === undefined) return '';
    opened = true;
    return frameOf([{ index: 0, delta, finish_reason: null, ...logprobsOf(piece) }]);
  }

  function textChunk(piece: JsonObject): string {
    const text = textOf(piece.response);
    return text === '' ? '' : frameOf([{ index: 0, text, finish_reason: null }]);
  }

  function close(piece: JsonObject): string {
    const end = path === 'chat' ? { delta: {} } : { text: '' };
    const last = frameOf([{ index: 0, ...end, finish_reason: finishOf(piece, calls) ?? 'stop' }]);
    return last + (usage ? frameOf([], { usage: usageOf(piece) }) : '') + doneFrame;
  }

  function* take(found: readonly string[]): Iterable<string> {
    for (const line of found) if (line.trim() !== '') yield takeLine(line);
    if (lines.pending() > largestLine) throw malformed('sent a line without an end');
  }

  return {
    push: (bytes) => take(lines.push(bytes)),
    end: () => take(lines.end()),
  };
}

/** In characters. */
const largestLine = 64 * 2 ** 20;

function parseLine(line: string, malformed: NativeStreamOptions['malformed']): JsonObject {
  try {
    const piece: unknown = JSON.parse(line);
    if (isObject(piece)) return piece;
  } catch (error) {
    throw malformed('sent a piece of a stream that is not JSON', error);
  }
  throw malformed('sent a piece of a stream that is not an object');
}
