/** The bytes of some of an array's numbers, where they stand: those from one on, to before another; of all unless given. */
export function bytesOf(
  { buffer, byteOffset, BYTES_PER_ELEMENT: each, length }: Uint8Array | Uint32Array | Float64Array,
  from = 0,
  to = length,
): Uint8Array {
  return new Uint8Array(buffer, byteOffset + from * each, (to - from) * each);
}
