import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sourceOf } from '../../../test/fixtures/imports/reading.ts';
import { type JsonItemsOptions, jsonItems } from './json-items.ts';
import type { ImportItem } from './types.ts';

/** Each item's JSON, or why it was left out. */
async function read(bytes: AsyncIterable<Uint8Array>, options?: JsonItemsOptions): Promise<string[]> {
  const told: string[] = [];
  const items = jsonItems(
    bytes,
    (item, at): ImportItem[] => [{ kind: 'left-out', at, reason: JSON.stringify(item) }],
    options,
  );
  for await (const item of items) {
    if (item.kind === 'left-out')
      told.push(item.detail === undefined ? item.reason : `${item.reason} (${item.detail})`);
  }
  return told;
}

describe('jsonItems', () => {
  test('gives every object of a list, wherever its pieces are cut', async () => {
    const lists = fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(lists, fc.integer({ min: 1, max: 50 }), fc.nat(3), async (list, piece, indent) => {
        const wanted = list.map((item) => JSON.stringify(item));
        const whole = JSON.stringify(list, null, indent);
        expect(await read(sourceOf(whole, '', piece).bytes())).toEqual(wanted);
        const within = JSON.stringify({ 'a"': [[1]], b: { data: [2] }, data: list, c: [] }, null, indent);
        expect(await read(sourceOf(within, '', piece).bytes(), { key: 'data' })).toEqual(wanted);
      }),
    );
  });

  test.each<[string, string[]]>([
    ['[]', []],
    [' \uFEFF[{"a":1}]\n', ['{"a":1}']],
    ['[{"a":1},,{"b":2},]', ['{"a":1}', '{"b":2}']],
    ['[{"a":1},{"b":},{"c":3}]', ['{"a":1}', 'not JSON', '{"c":3}']],
    ['[{"a":1}},{"c":3}]', ['not JSON', '{"c":3}']],
    ['[1,"two",null,[{}],{"c":3}]', [...Array<string>(4).fill('no JSON object'), '{"c":3}']],
    ['[{"a":1},{"b":', ['{"a":1}', 'not JSON (the file ends within the list)']],
    ['[{"a":1}] and more', ['{"a":1}', 'not JSON (something follows the list)']],
    ['', ['not JSON (it is no list)']],
    ['{"a":[{"b":1}]}', ['not JSON (it is no list)']],
  ])('of %j makes %j', async (text, told) => {
    expect(await read(sourceOf(text, '', 3).bytes())).toEqual(told);
  });

  test.each(['{"other":[{}]}', '[{"data":[{}]}]', '{"in":{"data":[{}]}}', '{"data":{"data":[{}]}}', '{"x":"data"}'])(
    'finds no list "data" in %s',
    async (text) => {
      expect(await read(sourceOf(text).bytes(), { key: 'data' })).toEqual(['not JSON (it has no list "data")']);
    },
  );

  test('does not hold an item that is too long', async () => {
    async function* bytes(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('[{"a":"');
      for (let count = 0; count < 70; count += 1) yield Buffer.alloc(2 ** 20, 'x');
      yield Buffer.from('"},{"b":2}]');
    }
    expect(await read(bytes())).toEqual(['not JSON (it is longer than 64 MiB)', '{"b":2}']);
  });

  test('what cannot be read of an item costs no other', async () => {
    const items = jsonItems(
      sourceOf('[{"a":1},{"b":2}]').bytes(),
      function* (item, at) {
        if ('a' in item) throw new Error('odd');
        yield { kind: 'left-out', at, reason: 'seen' };
      },
      { name: 'file.json' },
    );
    const told: string[] = [];
    for await (const item of items) if (item.kind === 'left-out') told.push(`${item.at}: ${item.reason}`);
    expect(told).toEqual(['file.json#1: not of this format', 'file.json#2: seen']);
  });
});
