import { type JsonObject, isObject } from '../../core/canonical.ts';
import type { RatchetError } from '../../core/errors.ts';
import { type Body, createBody, readBody } from '../body.ts';
import type { ProviderAnswer } from '../types.ts';

/**
 * Turns the bytes of one stream into text of the OpenAI wire format, event by event. Both throw a RatchetError where the
 * stream says that it failed, or is none; what was given before is good.
 */
export interface StreamTranslator {
  push(bytes: Uint8Array): Iterable<string>;
  end(): Iterable<string>;
}

/** In bytes, as the gateway's own limit. */
const answerLimit = 64 * 2 ** 20;

/** A stream in the OpenAI wire format. Nothing is held back: each piece is handed on in the tick in which it came. */
export function translatedStream(answer: ProviderAnswer, translator: StreamTranslator): ProviderAnswer {
  return {
    ...answer,
    headers: { ...answer.headers, 'content-type': 'text/event-stream' },
    body: translatedBody(answer.body, translator),
  };
}

/** A whole answer in the OpenAI wire format. */
export function translatedWhole(answer: ProviderAnswer, whole: JsonObject): ProviderAnswer {
  const source = createBody({ pause: () => undefined, resume: () => undefined, abort: () => undefined });
  source.push(Buffer.from(JSON.stringify(whole)));
  source.end();
  return { ...answer, headers: { ...answer.headers, 'content-type': 'application/json' }, body: source.body };
}

/** Reads a whole answer as a JSON object; what is none throws what `malformed` makes of the problem. */
export async function readAnswer(
  answer: ProviderAnswer,
  malformed: (problem: string, cause?: unknown) => RatchetError,
): Promise<JsonObject> {
  try {
    const parsed: unknown = JSON.parse(await readBody(answer.body, answerLimit));
    if (isObject(parsed)) return parsed;
  } catch (error) {
    if (error instanceof SyntaxError) throw malformed('did not answer with JSON', error);
    if (error instanceof RangeError) throw malformed('answered with too much', error);
    throw error;
  }
  throw malformed('did not answer with a JSON object');
}

function translatedBody(body: Body, translator: StreamTranslator): Body {
  return {
    ...body,
    read(reader) {
      let over = false;
      const attempt = (pieces: Iterable<string>): void => {
        if (over) return;
        let text = '';
        let fault: { reason: unknown } | null = null;
        try {
          for (const piece of pieces) text += piece;
        } catch (reason) {
          fault = { reason };
        }
        if (text !== '') reader.piece(Buffer.from(text));
        if (!fault) return;
        over = true;
        body.cancel();
        reader.fail(fault.reason);
      };
      body.read({
        piece: (bytes) => attempt(translator.push(bytes)),
        end() {
          attempt(translator.end());
          if (!over) reader.end();
        },
        fail(error) {
          if (!over) reader.fail(error);
        },
      });
    },
  };
}
