type Column = Uint8Array | Uint32Array | Float64Array;

/** The same numbers with room for so many. */
export function withRoom<T extends Column>(column: T, room: number): T {
  const larger = new (column.constructor as new (length: number) => T)(room);
  larger.set(column);
  return larger;
}
