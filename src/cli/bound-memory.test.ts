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

async function sizes(settle: boolean): Promise<{ settled: number; after: number }> {
  const args = ['--input-type=module', '--eval', program(settle)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as { settled: number; after: number };
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
