import { randomUUID } from 'node:crypto';

let last = { time: 0, counter: 0 };

/**
 * Milliseconds since 1970 that never run backwards in this process, so that what it records keeps its order when the
 * system's clock is set back.
 */
export function now(): number {
  return Math.max(Date.now(), last.time);
}

/**
 * A version 7 UUID. Those of one process sort in the order in which they were made: the 12 bits after the time are a
 * counter (RFC 9562, section 6.2, method 1) that carries into the next millisecond when it is used up. What is random in
 * it is that of a version 4 UUID, whose variant is the same.
 */
export function uuidv7(): string {
  const random = randomUUID();
  const time = now();
  if (time > last.time) last = { time, counter: Number.parseInt(random.slice(0, 3), 16) & 0x3ff };
  else if (last.counter < 0xfff) last = { time: last.time, counter: last.counter + 1 };
  else last = { time: last.time + 1, counter: 0 };

  const hex = last.time.toString(16).padStart(12, '0');
  const counter = last.counter.toString(16).padStart(3, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7${counter}${random.slice(18)}`;
}

/** The milliseconds since 1970 that {@link uuidv7} wrote into an id. */
export function timeOf(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/** Whether a text is a UUID of any version, as {@link uuidv7} writes it. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}
