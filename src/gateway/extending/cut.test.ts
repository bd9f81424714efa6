import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { WireMessage } from '../../core/message.ts';
import { cutTo, tokensOf } from './cut.ts';

const message = fc.record({
  role: fc.constantFrom('system', 'user', 'assistant', 'tool'),
  content: fc.string({ maxLength: 200 }),
});
const history = fc.array(message, { minLength: 1, maxLength: 30 });

describe('for every history', () => {
  test('what is kept and left is all, in order, and keeps to the bound but for what always stays', () => {
    fc.assert(
      fc.property(history, fc.integer({ min: 0, max: 2_000 }), (messages, most) => {
        const { kept, left } = cutTo(messages, most);
        const first = messages.findIndex(({ role }) => role !== 'system');
        const instructions = first === -1 ? messages : messages.slice(0, first);
        expect([...instructions, ...left, ...kept.slice(instructions.length)]).toEqual(messages);
        if (left.length === 0) return;
        expect(kept.at(-1)).toEqual(messages.at(-1));
        const turns = kept.filter(({ role }, at) => role === 'user' && kept[at - 1]?.role !== 'user').length;
        if (turns > 1) expect(tokensOf(kept)).toBeLessThanOrEqual(most);
      }),
    );
  });

  test('a turn stays or goes whole: no result of a tool without its call', () => {
    const turn = (name: string): WireMessage[] => [
      { role: 'user', content: name },
      { role: 'assistant', content: null, tool_calls: [{ id: name }] },
      { role: 'tool', tool_call_id: name, content: 'result' },
      { role: 'assistant', content: 'done' },
    ];
    const messages = [...turn('a'), ...turn('b'), ...turn('c')];
    for (let most = 0; most < 200; most += 7) {
      const { kept } = cutTo(messages, most);
      expect(kept.length % 4).toBe(0);
      expect(kept[0]?.role).toBe('user');
    }
  });
});
