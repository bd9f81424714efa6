import { type JsonObject, isObject } from '../../core/canonical.ts';
import { type ReadChat, readChat } from './request-response.ts';
import { jsonRows } from './rows.ts';
import type { Importer } from './types.ts';

/** OpenPipe's request logs: `{"input": request, "output": chat.completion, "tags"}`. */
export const openpipe: Importer = {
  format: 'openpipe',
  title: 'OpenPipe',
  description: 'request logs, {"input": request, "output": answer, "tags"} on each line, as its export writes them',
  recognises: ({ first }) =>
    isObject(first?.input) &&
    Array.isArray(first.input.messages) &&
    isObject(first.output) &&
    'choices' in first.output,
  read: (source) => jsonRows(source, (line, at) => ({ kind: 'exchange', at, chat: readOpenpipe(line), feedback: [] })),
};

/** One line. InvalidInput with the fault. */
export function readOpenpipe({ input, output, tags }: JsonObject): ReadChat {
  const origin = { format: 'openpipe', ...(isObject(tags) && { tags }) };
  return readChat({ request: input, response: output }, ['input', 'output'], origin);
}
