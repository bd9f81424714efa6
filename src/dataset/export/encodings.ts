import type { JsonObject } from '../../core/canonical.ts';
import type { Encoding } from './types.ts';

/** One JSON object on each line. */
export const jsonLines: Encoding = {
  extension: '.jsonl',
  mediaType: 'application/jsonl',
  async *encode(examples) {
    for await (const example of examples) yield Buffer.from(`${JSON.stringify(example)}\n`);
  },
};

/** One JSON list, an item on each line. */
export const jsonList: Encoding = {
  extension: '.json',
  mediaType: 'application/json',
  encode: listOf,
};

async function* listOf(examples: AsyncIterable<JsonObject>): AsyncGenerator<Uint8Array> {
  let before = '[\n';
  for await (const example of examples) {
    yield Buffer.from(before + JSON.stringify(example));
    before = ',\n';
  }
  yield Buffer.from(before === '[\n' ? '[]\n' : '\n]\n');
}
