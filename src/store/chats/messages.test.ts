import { createSecretKey, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { wireMessage } from '../../../test/contract/json-arbitraries.ts';
import { canonicalJson } from '../../core/canonical.ts';
import { type WireMessage, splitMessage } from '../../core/message.ts';
import { identify, identifyAll } from './messages.ts';

const key = createSecretKey(randomBytes(32));
const parent = fc.oneof(fc.constant(null), fc.stringMatching(/^[0-9a-f]{64}$/));

describe('the id of a message', () => {
  test('is the same for equal content under an equal parent, in whatever order its fields come', () => {
    const same = fc.property(wireMessage(), parent, (message, under) => {
      const turned = Object.fromEntries(Object.entries(message).reverse()) as WireMessage;
      expect(identify(key, structuredClone(message), under).id).toBe(identify(key, turned, under).id);
    });
    fc.assert(same);
  });

  test('is another whenever anything that is said changes, and only then', () => {
    const differ = fc.property(wireMessage(), wireMessage(), parent, (one, two, under) => {
      const said = [one, two].map((message) => canonicalJson(splitMessage(message, under).canonical));
      expect(identify(key, one, under).id === identify(key, two, under).id).toBe(said[0] === said[1]);
    });
    fc.assert(differ);
  });

  test('is another after any change of one character, of the role, of a name, of a call', () => {
    const changes = fc.property(
      fc.string({ minLength: 1, unit: 'grapheme' }),
      fc.nat(),
      fc.string({ minLength: 1, unit: 'grapheme' }),
      parent,
      (text, place, put, under) => {
        const at = place % (text.length + 1);
        const original = { role: 'user', content: text };
        const others: WireMessage[] = [
          { role: 'user', content: text.slice(0, at) + put + text.slice(at) },
          { role: 'assistant', content: text },
          { ...original, name: put },
          { ...original, tool_calls: [] },
          { ...original, tool_call_id: put },
        ];
        const ids = [original, ...others].map((message) => identify(key, message, under).id);
        expect(new Set(ids).size).toBe(ids.length);
      },
    );
    fc.assert(changes);
  });

  test('changes with every message before it', () => {
    const chain = fc.property(fc.array(wireMessage(), { minLength: 2, maxLength: 6 }), fc.nat(), (messages, place) => {
      const at = place % messages.length;
      const changed = messages.with(at, { role: 'user', content: `${JSON.stringify(messages[at])} changed` });
      const [before, after] = [identifyAll(key, messages), identifyAll(key, changed)];
      const same = before.map(({ id }, index) => id === after[index]?.id);
      expect(same).toEqual(messages.map((_, index) => index < at));
    });
    fc.assert(chain);
  });

  test('is another in another installation', () => {
    const other = createSecretKey(randomBytes(32));
    const apart = fc.property(wireMessage(), parent, (message, under) => {
      expect(identify(key, message, under).id).not.toBe(identify(other, message, under).id);
    });
    fc.assert(apart);
  });
});
