import { hashBytes, hashText } from './near/words.ts';
import { withRoom } from './with-room.ts';

/** Names by their numbers, counted up from 0 in the order in which they were added. */
export interface Names {
  add(name: string): void;
  of(number: number): string;
  /** Whether a name has that number. */
  is(number: number, name: string): boolean;
  /** What `hashText` says of a name. */
  hashOf(number: number): number;
  /** Below 0 where the first stands before the other, by code units as strings are compared. */
  compare(one: number, other: number): number;
  count(): number;
}

const [firstBytes, firstRoom] = [16_384, 1024];
const lastOfAscii = 127;

/** Creates an empty list, in which a million names of ASCII are one piece of memory, and not a million strings. */
export function createNames(): Names {
  let bytes = Buffer.allocUnsafeSlow(firstBytes);
  let ends = new Float64Array(firstRoom);
  let count = 0;
  let filled = 0;
  /** Names that are not of ASCII, by their numbers. */
  const others = new Map<number, string>();
  const startOf = (number: number): number => (number === 0 ? 0 : (ends[number - 1] as number));
  const endOf = (number: number): number => ends[number] as number;
  const isOther = (number: number): boolean => others.size > 0 && others.has(number);

  function makeRoom(length: number): void {
    if (filled + length > bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(bytes.length * 2, filled + length));
      larger.set(bytes);
      bytes = larger;
    }
    if (count < ends.length) return;
    ends = withRoom(ends, ends.length * 2);
  }

  function of(number: number): string {
    return others.get(number) ?? bytes.toString('latin1', startOf(number), endOf(number));
  }

  return {
    add(name) {
      makeRoom(name.length);
      let end = filled;
      for (let at = 0; at < name.length; at += 1) {
        const code = name.charCodeAt(at);
        if (code > lastOfAscii) {
          others.set(count, name);
          end = filled;
          break;
        }
        bytes[end++] = code;
      }
      filled = end;
      ends[count++] = end;
    },
    of,
    is(number, name) {
      if (isOther(number)) return others.get(number) === name;
      const from = startOf(number);
      if (endOf(number) - from !== name.length) return false;
      for (let at = 0; at < name.length; at += 1) if (bytes[from + at] !== name.charCodeAt(at)) return false;
      return true;
    },
    hashOf: (number) => (isOther(number) ? hashText(of(number)) : hashBytes(bytes, startOf(number), endOf(number))),
    compare(one, other) {
      if (isOther(one) || isOther(other)) {
        const [a, b] = [of(one), of(other)];
        return a < b ? -1 : a > b ? 1 : 0;
      }
      let [at, there] = [startOf(one), startOf(other)];
      const [end, endThere] = [endOf(one), endOf(other)];
      for (; at < end && there < endThere; at += 1, there += 1) {
        const difference = (bytes[at] as number) - (bytes[there] as number);
        if (difference !== 0) return difference;
      }
      return end - at - (endThere - there);
    },
    count: () => count,
  };
}
