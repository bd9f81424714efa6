import { type KeyObject, createHmac, hash } from 'node:crypto';

// HMAC-SHA-256 as RFC 2104 writes it. A chat takes a dozen of them; Node's own object for each costs more than the two
// hashes that it is made of.

const blockBytes = 64;
const [innerPad, outerPad] = [0x36, 0x5c];
/** Longer texts are left to Node: there the hashing itself is what costs. */
const longestText = 16_384;
const mostBytesOfUnit = 3;

interface Pads {
  /** The inner pad, with room for a text. */
  inner: Buffer;
  /** The outer pad, with room for the inner hash. */
  outer: Buffer;
}

const padsOf = new WeakMap<KeyObject, Pads>();

/** Keyed hash of a text, in hex: HMAC with SHA-256. */
export function keyedHash(key: KeyObject, text: string): string {
  if (text.length > longestText) return createHmac('sha256', key).update(text).digest('hex');
  const { inner, outer } = padsOf.get(key) ?? makePads(key);
  const length = inner.write(text, blockBytes);
  outer.write(hash('sha256', inner.subarray(0, blockBytes + length), 'hex'), blockBytes, 'hex');
  return hash('sha256', outer, 'hex');
}

function makePads(key: KeyObject): Pads {
  const secret = key.export();
  const bytes = secret.length > blockBytes ? Buffer.from(hash('sha256', secret, 'hex'), 'hex') : secret;
  const inner = Buffer.alloc(blockBytes + longestText * mostBytesOfUnit, innerPad);
  const outer = Buffer.alloc(blockBytes + 32, outerPad);
  for (const [at, byte] of bytes.entries()) {
    inner.writeUInt8(byte ^ innerPad, at);
    outer.writeUInt8(byte ^ outerPad, at);
  }
  padsOf.set(key, { inner, outer });
  return { inner, outer };
}
