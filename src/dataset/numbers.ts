import { withRoom } from './with-room.ts';

/** A list of numbers that grows, in no more memory than they need. */
export interface Numbers {
  add(number: number): void;
  at(index: number): number;
  /** Those that there are now, until the next is added. */
  all(): Float64Array;
}

const firstRoom = 1024;

export function createNumbers(): Numbers {
  let room = new Float64Array(firstRoom);
  let count = 0;
  return {
    add(number) {
      if (count === room.length) {
        room = withRoom(room, room.length * 2);
      }
      room[count] = number;
      count += 1;
    },
    at: (index) => room[index] as number,
    all: () => room.subarray(0, count),
  };
}
