import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

/**
 * Takes memory as loading does, then as calls do, and tells the size of the space for young objects before and after. Now and
 * then V8 lends it some pages from one collection to the next: the size that it comes back to counts.
 */
const program = (settle: boolean): string => `
  import { getHeapSpaceStatistics } from 'node:v8';
  import { boundMemory, settleMemory } from ${JSON.stringify(new URL('./bound-memory.ts', import.meta.url).href)};
  const young = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space').space_size;
  const take = (rounds) => {
    const kept = [];
    const sizes = [];
    for (let round = 0; round < rounds; round += 1) {
      kept.push(Array.from({ length: 20_000 }, () => ({ some: 1 })));
      if (kept.length > 40) kept.shift();
      sizes.push(young());
    }
    return Math.min(...sizes.slice(-100));
  };
  boundMemory();
  take(200);
  if (${settle}) settleMemory();
  const settled = young();
  console.log(JSON.stringify({ settled, after: take(400) }));
`;

/** Settles, lets V8 take the space back as it does in a rest, makes what calls make, and tells the sizes. */
const rested = `
  import { setTimeout as sleep } from 'node:timers/promises';
  import { getHeapSpaceStatistics } from 'node:v8';
  import { runInNewContext } from 'node:vm';
  import { boundMemory, settleMemory } from ${JSON.stringify(new URL('./bound-memory.ts', import.meta.url).href)};
  const young = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space').space_size;
  boundMemory();
  settleMemory();
  const settled = young();
  runInNewContext('gc')({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  const small = young();
  const kept = [];
  for (let round = 0; round < 400; round += 1) {
    kept.push(Array.from({ length: 20_000 }, () => ({ some: 1 })));
    if (kept.length > 10) kept.shift();
    await sleep(0);
  }
  console.log(JSON.stringify({ settled, small, after: young() }));
`;

async function run<T>(text: string): Promise<T> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', text]);
  return JSON.parse(stdout) as T;
}

function sizes(settle: boolean): Promise<{ settled: number; after: number }> {
  return run(program(settle));
}

const enough = 16 * 2 ** 20;

test('the space for young objects is as large as it may be at once, and grows no more', async () => {
  const { settled, after } = await sizes(true);
  expect(settled).toBe(enough);
  // V8 takes some of it back where it sees that little is made in a time, as on a machine that is busy otherwise.
  expect(after).toBeLessThanOrEqual(enough);
});

test('left alone it would grow on', async () => {
  expect((await sizes(false)).after).toBeGreaterThan(enough);
});

test('what V8 takes of it in a rest is there again when calls come', async () => {
  const { settled, small, after } = await run<{ settled: number; small: number; after: number }>(rested);
  expect(settled).toBe(enough);
  expect(small).toBeLessThan(enough / 2);
  expect(after).toBeGreaterThan(enough / 2);
  expect(after).toBeLessThanOrEqual(enough);
});
