import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type SseEvent, createSseParser } from './sse.ts';

/** All events of a text that comes in these pieces. */
function parse(pieces: readonly Uint8Array[]): SseEvent[] {
  const parser = createSseParser();
  return [...pieces.flatMap((piece) => parser.push(piece)), ...parser.end()];
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const event = (data: string, name: string | null = null): SseEvent => ({ event: name, data });

describe('createSseParser', () => {
  test.each<[string, SseEvent[]]>([
    ['data: a\n\n', [event('a')]],
    ['data:a\r\n\r\ndata: b\r\r', [event('a'), event('b')]],
    ['data: a\ndata: b\n\n', [event('a\nb')]],
    ['event: error\nid: 1\ndata: x\n\n', [event('x', 'error')]],
    [': ping\n\ndata: a\n\n', [{ event: null, data: null, comment: 'ping' }, event('a')]],
    ['data\n\n', [event('')]],
    ['data:  two spaces\n\n', [event(' two spaces')]],
    ['\n\nretry: 5\n\n', []],
    ['data: cut off', [event('cut off')]],
  ])('%j', (text, expected) => {
    expect(parse([bytes(text)])).toEqual(expected);
  });

  test('gives the same events however the bytes are split', () => {
    const line = fc.stringMatching(/^[^\r\n]*$/);
    const texts = fc.array(fc.record({ data: line, end: fc.constantFrom('\n\n', '\r\n\r\n', '\r\r') }), {
      maxLength: 6,
    });
    fc.assert(
      fc.property(texts, fc.array(fc.nat(200), { maxLength: 12 }), (events, cuts) => {
        const all = bytes(events.map(({ data, end }) => `data: ${data}${end}`).join(''));
        const at = [0, ...cuts.filter((cut) => cut < all.length).sort((a, b) => a - b), all.length];
        const pieces = at.slice(1).map((to, i) => all.subarray(at[i], to));
        expect(parse(pieces)).toEqual(parse([all]));
        expect(parse([all]).map(({ data }) => data)).toEqual(events.map(({ data }) => data.toWellFormed()));
      }),
    );
  });
});
