/** What was counted in the minute before now. Times are milliseconds of one clock that never runs backwards. */
export interface MinuteWindow {
  add(at: number, amount: number): void;
  sum(at: number): number;
  /** How long until the sum is less than `limit` if nothing is added, in ms; 0 when it is already. */
  waitFor(at: number, limit: number): number;
  /** How long until nothing is left if nothing is added, in ms. */
  empties(at: number): number;
}

const slotMs = 1_000;
const slotsBack = 60;
const slots = slotsBack + 1;

/**
 * A sliding log whose entries are rounded to slots of a second, and leave only when their whole slot is older than a
 * minute: no sliding minute ever holds more than was admitted by it, and what was used is given back a second late at
 * the most. (A token bucket, or GCRA, admits up to twice its limit in a minute: the burst, and what refills meanwhile.)
 * It takes 61 numbers, and time in proportion to the slots that passed.
 */
export function createMinuteWindow(): MinuteWindow {
  const amounts = new Float64Array(slots);
  let newest = -Infinity;
  let total = 0;

  const of = (slot: number): number => amounts[slot % slots] ?? 0;

  function advance(at: number): number {
    const slot = Math.floor(at / slotMs);
    for (let next = Math.max(newest + 1, slot - slotsBack); next <= slot; next += 1) {
      total -= of(next);
      amounts[next % slots] = 0;
    }
    newest = Math.max(newest, slot);
    return newest;
  }

  const leavesAt = (slot: number): number => (slot + slots) * slotMs;

  return {
    add(at, amount) {
      const slot = advance(at);
      amounts[slot % slots] = of(slot) + amount;
      total += amount;
    },
    sum(at) {
      advance(at);
      return total;
    },
    waitFor(at, limit) {
      const last = advance(at);
      let left = total;
      if (left < limit) return 0;
      for (let slot = last - slotsBack; slot <= last; slot += 1) {
        left -= slot < 0 ? 0 : of(slot);
        if (left < limit) return leavesAt(slot) - at;
      }
      return leavesAt(last) - at;
    },
    empties(at) {
      for (let slot = advance(at), oldest = Math.max(0, slot - slotsBack); slot >= oldest; slot -= 1) {
        if (of(slot) > 0) return leavesAt(slot) - at;
      }
      return 0;
    },
  };
}
