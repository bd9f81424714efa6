/** The longest item, in bytes: as long as the longest line of a file of lines. */
const longestItem = 64 * 2 ** 20;

/** One item of a list as its text, or why it could not be had. */
export type SplitItem = { text: string; fault?: undefined } | { text?: undefined; fault: string };

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d];

interface Scan {
  /** `before` the list, in the `list`, `after` it. */
  where: 'before' | 'list' | 'after';
  depth: number;
  /** How deep the items of the list stand. */
  base: number;
  inText: boolean;
  escaped: boolean;
  /** The name that was read last in the file's one object. */
  name: number[];
  named: string | null;
  /** Where the item begins in this chunk; -1 between items. */
  from: number;
  held: Uint8Array[];
  heldBytes: number;
  strange: boolean;
}

/**
 * Cuts a JSON list into the texts of its items, as it comes. Only brackets and quotes are looked at: whether an item is JSON
 * is left to who parses it, so that one that is not costs no other. With `key` the list is the member of that name in the
 * file's one object.
 */
export async function* splitItems(bytes: AsyncIterable<Uint8Array>, key?: string): AsyncGenerator<SplitItem> {
  const scan: Scan = {
    where: 'before',
    depth: 0,
    base: key === undefined ? 1 : 2,
    inText: false,
    escaped: false,
    name: [],
    named: null,
    from: -1,
    held: [],
    heldBytes: 0,
    strange: false,
  };
  for await (const chunk of bytes) {
    yield* scanChunk(scan, chunk, key);
    if (scan.where === 'after' && key !== undefined) return;
  }
  if (scan.where === 'before') yield { fault: key === undefined ? 'it is no list' : `it has no list "${key}"` };
  if (scan.where === 'list') yield { fault: 'the file ends within the list' };
  if (scan.strange) yield { fault: 'something follows the list' };
}

function* scanChunk(scan: Scan, chunk: Uint8Array, key: string | undefined): Generator<SplitItem> {
  scan.from = scan.heldBytes > 0 ? 0 : -1;
  for (let at = 0; at < chunk.length; at += 1) {
    const byte = chunk[at] ?? 0;
    if (scan.where === 'list') {
      const item = stepInList(scan, chunk, at, byte);
      if (item) yield item;
    } else if (scan.where === 'before') stepBefore(scan, byte, key);
    else if (byte > 0x20) scan.strange = true;
  }
  if (scan.from !== -1) hold(scan, chunk.subarray(scan.from));
}

/** Finds the list. */
function stepBefore(scan: Scan, byte: number, key: string | undefined): void {
  if (scan.inText) {
    if (!stepInText(scan, byte)) return;
    // A name is never long; of a long text the beginning is enough to tell that it is none.
    if (scan.depth === 1 && scan.name.length < 200) scan.name.push(byte);
  } else if (byte === quote) {
    scan.inText = true;
    scan.name = [];
  } else if (byte === colon && scan.depth === 1) scan.named = Buffer.from(scan.name).toString('utf8');
  else if (byte === comma && scan.depth === 1) scan.named = null;
  else if (byte === openBracket && scan.depth === scan.base - 1 && (key === undefined || scan.named === key)) {
    scan.where = 'list';
    scan.depth = scan.base;
  } else if (byte === openBrace || byte === openBracket) scan.depth += 1;
  else if (byte === closeBrace || byte === closeBracket) scan.depth -= 1;
}

/** Goes on in a text. False at its end. */
function stepInText(scan: Scan, byte: number): boolean {
  if (scan.escaped) scan.escaped = false;
  else if (byte === backslash) scan.escaped = true;
  else if (byte === quote) scan.inText = false;
  return scan.inText;
}

function stepInList(scan: Scan, chunk: Uint8Array, at: number, byte: number): SplitItem | null {
  if (scan.inText) {
    stepInText(scan, byte);
    return null;
  }
  if (scan.depth === scan.base) {
    if (byte === comma) return endItem(scan, chunk, at);
    if (byte === closeBracket) {
      scan.where = 'after';
      return endItem(scan, chunk, at);
    }
    if (byte <= 0x20) return null;
    if (scan.from === -1) scan.from = at;
  }
  if (byte === quote) scan.inText = true;
  else if (byte === openBrace || byte === openBracket) scan.depth += 1;
  else if ((byte === closeBrace || byte === closeBracket) && scan.depth > scan.base) scan.depth -= 1;
  return null;
}

function endItem(scan: Scan, chunk: Uint8Array, at: number): SplitItem | null {
  if (scan.from === -1) return null;
  hold(scan, chunk.subarray(scan.from, at));
  const { held, heldBytes } = scan;
  [scan.from, scan.held, scan.heldBytes] = [-1, [], 0];
  if (heldBytes > longestItem) return { fault: 'it is longer than 64 MiB' };
  return { text: Buffer.concat(held).toString('utf8') };
}

/** Keeps what has come of an item. One that is too long is counted only. */
function hold(scan: Scan, part: Uint8Array): void {
  scan.heldBytes += part.length;
  if (scan.heldBytes > longestItem) scan.held = [];
  else scan.held.push(part);
}
