import type { WireMessage } from '../../core/message.ts';
import { estimateTokens } from '../estimate.ts';

/** A history in two parts: what goes along, and what is left out of the middle, both in order. */
export interface Cut {
  kept: WireMessage[];
  left: WireMessage[];
}

/** What a message costs beside its texts: role and separators. */
const perMessage = 4;

/**
 * Leaves out the oldest turns, so that the rest has at most so many tokens, as they are estimated. Instructions at the
 * beginning stay; a turn (a question with all that came of it, calls of tools and their results too) stays or goes as a
 * whole; the last turn always stays.
 */
export function cutTo(messages: readonly WireMessage[], mostTokens: number): Cut {
  const first = messages.findIndex(({ role }) => role !== 'system' && role !== 'developer');
  const [instructions, rest] = first === -1 ? [messages, []] : [messages.slice(0, first), messages.slice(first)];
  const turns = turnsOf(rest);
  let room = mostTokens - tokensOf(instructions);
  let from = turns.length;
  while (from > 0) {
    const cost = tokensOf(turns[from - 1] ?? []);
    if (cost > room && from < turns.length) break;
    room -= cost;
    from -= 1;
  }
  return { kept: [...instructions, ...turns.slice(from).flat()], left: turns.slice(0, from).flat() };
}

/** A rough count of what a model reads. */
export function tokensOf(messages: readonly WireMessage[]): number {
  return messages.reduce((sum, message) => sum + estimateTokens(message) + perMessage, 0);
}

/** Each question begins a turn. */
function turnsOf(messages: readonly WireMessage[]): WireMessage[][] {
  const turns: WireMessage[][] = [];
  for (const message of messages) {
    const last = turns.at(-1);
    if (!last || (message.role === 'user' && last.some(({ role }) => role !== 'user'))) turns.push([message]);
    else last.push(message);
  }
  return turns;
}
