import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { runProcess } from './run.ts';

const program = fileURLToPath(new URL('fixtures/child.mjs', import.meta.url));

const run = (habit: string[], more: { timeoutMs?: number; signal?: AbortSignal; graceMs?: number } = {}) =>
  runProcess({ command: process.execPath, args: [program, ...habit], timeoutMs: 100_000, ...more });

test('gives what was printed', async () => {
  expect(await run(['say', 'a', 'b'])).toEqual({ code: 0, stdout: 'a\nb', tail: '' });
});

test('a failing exit is a result, with the last words', async () => {
  expect(await run(['exit', '4'])).toMatchObject({ code: 4 });
  expect(await run(['complain', 'oh no'])).toMatchObject({ code: 0, stdout: '', tail: 'oh no' });
});

test('keeps at most 1 MB', async () => {
  const { stdout } = await run(['long', String(3 * 1024 * 1024)]);
  expect(stdout.length).toBeLessThanOrEqual(1024 * 1024);
});

test('stops what takes too long', async () => {
  await expect(run(['stubborn'], { timeoutMs: 500, graceMs: 100 })).rejects.toMatchObject({ code: 'Stalled' });
});

test('stops when cancelled, and does not start when cancelled before', async () => {
  const reason = new Error('enough');
  const abort = new AbortController();
  setTimeout(() => abort.abort(reason), 300);
  await expect(run(['stay'], { signal: abort.signal })).rejects.toMatchObject({ code: 'Cancelled', cause: reason });
  await expect(run(['stay'], { signal: abort.signal })).rejects.toMatchObject({ code: 'Cancelled', cause: reason });
});

test('names a program that is not there', async () => {
  await expect(runProcess({ command: 'no-such-program-of-ours', args: [], timeoutMs: 1_000 })).rejects.toMatchObject({
    code: 'PartMissing',
  });
});
