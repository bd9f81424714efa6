import { RatchetError } from '../../core/errors.ts';

/** The longest line, in bytes: as much as the largest request. */
const longestLine = 64 * 2 ** 20;

/** Lines of a body as it comes; only one is held at a time. The last needs no line feed. Throws InvalidInput. */
export async function* readLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let parts: Uint8Array[] = [];
  let held = 0;
  for await (const chunk of body) {
    let from = 0;
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, from)) {
      yield textOf([...parts, chunk.subarray(from, at)]);
      [parts, held, from] = [[], 0, at + 1];
    }
    parts.push(chunk.subarray(from));
    held += chunk.length - from;
    if (held > longestLine) {
      throw new RatchetError('InvalidInput', 'A line is longer than 64 MiB: send one record on each line.');
    }
  }
  if (held > 0) yield textOf(parts);
}

function textOf(parts: readonly Uint8Array[]): string {
  return Buffer.concat(parts)
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .trim();
}
