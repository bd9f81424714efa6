import { createHash } from 'node:crypto';
import { RatchetError } from '../../core/errors.ts';

export interface CheckedBytes {
  /** SHA-256 in hex. */
  digest: string;
  /** Most that is taken, in bytes. */
  limit: number;
}

/**
 * Bytes as they come, while their digest is made. The last piece is held back until all is known to be right, so that whoever
 * reads never has a whole file that is wrong. Throws InvalidInput.
 */
export async function* checkedBytes(
  body: AsyncIterable<Uint8Array>,
  { digest, limit }: CheckedBytes,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let size = 0;
  let held: Uint8Array | null = null;
  for await (const piece of body) {
    size += piece.length;
    if (size > limit) throw tooLarge(limit);
    hash.update(piece);
    if (held) yield held;
    held = piece;
  }
  const found = hash.digest('hex');
  if (found !== digest) {
    const text = `The bytes have the digest sha256:${found}, not sha256:${digest}: send the file again, or correct the digest.`;
    throw new RatchetError('InvalidInput', text);
  }
  if (held) yield held;
}

/** What is said of a file that is larger than `limit` bytes. */
export function tooLarge(limit: number): RatchetError {
  return new RatchetError(
    'InvalidInput',
    `The file is larger than ${limit / 1e9} GB: raise providers.ollama.options.blob_limit_gb in ratchet.json.`,
    { details: { httpStatus: 413 } },
  );
}
