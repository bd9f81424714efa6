import { expect, test } from 'vitest';
import { createSchedule } from './health-schedule.ts';

/** A clock and timers that move only when they are told to. */
function open(random = 0.5) {
  let now = 1_000_000;
  let acted = 0;
  let timer: { at: number; act: () => void } | null = null;
  const schedule = createSchedule({
    act: async () => void (acted += 1),
    now: () => now,
    random: () => random,
    after(ms, act) {
      const mine = { at: now + ms, act };
      timer = mine;
      return () => {
        if (timer === mine) timer = null;
      };
    },
  });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  return {
    schedule,
    acted: () => acted,
    waits: () => (timer ? timer.at - now : null),
    async pass(ms: number) {
      const until = now + ms;
      await turn();
      while (timer && timer.at <= until) {
        const due = timer;
        now = due.at;
        timer = null;
        due.act();
        await turn();
      }
      now = until;
    },
  };
}

test('seldom while nobody looks, every half minute while somebody does, and seldom again', async () => {
  const { schedule, acted, pass } = open();
  schedule.start();
  await pass(0);
  expect(acted()).toBe(1);
  await pass(700_000);
  expect(acted()).toBe(3);
  schedule.interest();
  await pass(0);
  // It was long ago: at once.
  expect(acted()).toBe(4);
  await pass(290_000);
  expect(acted()).toBe(13);
  await pass(3_000_000);
  expect(acted()).toBeLessThan(25);
});

test.each([
  [0, 24_000],
  [0.5, 30_000],
  [1, 36_000],
])('processes that started together part: %d', async (random, ms) => {
  const { schedule, waits, pass } = open(random);
  schedule.interest();
  schedule.start();
  await pass(0);
  expect(waits()).toBe(ms);
});

test('a call just after a look waits until the look is half a minute old', async () => {
  const { schedule, acted, pass, waits } = open();
  schedule.start();
  await pass(10_000);
  schedule.interest();
  expect(waits()).toBe(20_000);
  schedule.interest();
  await pass(20_000);
  expect(acted()).toBe(2);
});

test('after the stop nothing is done any more', async () => {
  const { schedule, acted, pass, waits } = open();
  schedule.start();
  await pass(0);
  schedule.stop();
  schedule.interest();
  expect(waits()).toBeNull();
  await pass(1_000_000);
  expect(acted()).toBe(1);
});
