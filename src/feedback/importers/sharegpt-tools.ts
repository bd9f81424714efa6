import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import type { WireMessage } from '../../core/message.ts';

/** Makes messages of turns that call tools, which have no ids in these files: a result is of the earliest call without one. */
export interface ToolTurns {
  /** A turn of JSON text: one call or a list of them. What is none is said as it stands. */
  call(value: string): WireMessage;
  result(value: string): WireMessage;
}

/** Creates it for one conversation. */
export function createToolTurns(): ToolTurns {
  let count = 0;
  const waiting: string[] = [];
  return {
    call(value) {
      const calls = callsIn(value);
      if (!calls) return { role: 'assistant', content: value };
      return {
        role: 'assistant',
        content: null,
        tool_calls: calls.map(({ name, arguments: given }) => {
          count += 1;
          const id = `call_${count}`;
          waiting.push(id);
          return { id, type: 'function', function: { name: name ?? '', arguments: textOf(given) } };
        }),
      };
    },
    result: (content) => ({ role: 'tool', tool_call_id: waiting.shift() ?? `call_${count}`, content }),
  };
}

function textOf(given: Json | undefined): string {
  return typeof given === 'string' ? given : JSON.stringify(given ?? {});
}

function callsIn(value: string): JsonObject[] | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    return null;
  }
  const list: unknown[] = Array.isArray(parsed) ? parsed : [parsed];
  const calls = list.filter(isObject).filter(({ name }) => typeof name === 'string' && name !== '');
  return calls.length > 0 && calls.length === list.length ? calls : null;
}
