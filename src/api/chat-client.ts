import { type JsonObject, isObject } from '../core/canonical.ts';
import { RatchetError } from '../core/errors.ts';
import type { WireMessage } from '../core/message.ts';
import { createSseParser } from '../providers/sse.ts';

/** One thing that a streamed answer brings. */
export type ChatPiece =
  | { kind: 'start'; completionId: string; conversationId: string; provider: string; model: string }
  | { kind: 'text' | 'reasoning'; text: string };

export interface ChatQuestion {
  model: string;
  messages: WireMessage[];
  conversationId?: string | undefined;
  signal: AbortSignal;
}

/** Asks through the API and yields the answer as it comes. Throws RatchetError when it stops with an error. */
export async function* streamChat(
  { url, apiKey }: { url: string; apiKey: string | null },
  { model, messages, conversationId, signal }: ChatQuestion,
): AsyncGenerator<ChatPiece> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    signal,
    headers: {
      'content-type': 'application/json',
      ...(apiKey !== null && { authorization: `Bearer ${apiKey}` }),
      ...(conversationId !== undefined && { 'x-conversation-id': conversationId }),
    },
    body: JSON.stringify({ model, messages, stream: true }),
  }).catch((cause: unknown) => {
    if (signal.aborted) throw cause;
    throw new RatchetError('NotFound', `Nothing answers at ${url}: start it with "ratchet up".`, { cause });
  });
  if (!response.ok || !response.body) throw errorOf(parse(await response.text()), response.status);
  const header = (name: string): string => response.headers.get(name) ?? '';
  yield {
    kind: 'start',
    completionId: header('x-ratchet-completion-id'),
    conversationId: header('x-conversation-id'),
    provider: decodeURI(header('x-ratchet-provider')),
    model: decodeURI(header('x-ratchet-model')),
  };
  yield* piecesOf(response.body);
}

async function* piecesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<ChatPiece> {
  const parser = createSseParser();
  for await (const bytes of body) {
    for (const { data } of parser.push(bytes)) {
      if (data === null || data === '[DONE]') continue;
      const chunk = parse(data);
      if (isObject(chunk.error)) throw errorOf(chunk, 502);
      const choice = Array.isArray(chunk.choices) ? chunk.choices[0] : undefined;
      const delta = isObject(choice) && isObject(choice.delta) ? choice.delta : {};
      const reasoning = delta.reasoning_content ?? delta.reasoning;
      if (typeof reasoning === 'string' && reasoning !== '') yield { kind: 'reasoning', text: reasoning };
      if (typeof delta.content === 'string' && delta.content !== '') yield { kind: 'text', text: delta.content };
    }
  }
}

function parse(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

function errorOf(body: JsonObject, status: number): RatchetError {
  const { message, code } = isObject(body.error) ? body.error : {};
  const said = typeof message === 'string' ? message : `The API answered with status ${status} and no reason.`;
  return new RatchetError(typeof code === 'string' ? (code as 'Bug') : 'Bug', said, { details: { status } });
}
