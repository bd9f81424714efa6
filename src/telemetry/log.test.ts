import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { createLog } from './log.ts';

const talkative = fileURLToPath(new URL('./fixtures/talkative.ts', import.meta.url));

function talk(count: number, ending: string): ChildProcessByStdio<null, Readable, Readable> {
  return spawn(process.execPath, [talkative, String(count), ending], { stdio: ['ignore', 'pipe', 'pipe'] });
}

async function numbersOf(child: ReturnType<typeof talk>): Promise<number[]> {
  const lines = (await child.stdout.toArray()).join('').trimEnd().split('\n');
  return lines.map((line) => (JSON.parse(line) as { line: number }).line);
}

test.each(['return', 'exit', 'throw'])('no line is lost when the process ends by %s', async (ending) => {
  const numbers = await numbersOf(talk(500, ending));
  // What a sudden end finds half written is finished beside what it flushes: lines whole, but not always in order.
  if (ending !== 'return') numbers.sort((a, b) => a - b);
  expect(numbers).toEqual(Array.from({ length: 500 }, (_, at) => at + 1));
});

test('a reader that does not read holds up nobody, and gets every line later', async () => {
  // 5,000 lines are more than a megabyte, and a pipe holds 64 KB.
  const child = talk(5_000, 'return');
  child.stdout.pause();
  const [said] = (await once(child.stderr, 'data')) as [Buffer];
  expect(said.toString()).toBe('ticking\n');
  expect(await numbersOf(child)).toHaveLength(5_000);
});

test('lines below the level are not written', () => {
  const lines: string[] = [];
  const log = createLog({ level: 'warn', name: 'api', to: { write: (line) => void lines.push(line) } });
  log.info('no');
  log.warn('yes');
  expect(lines).toHaveLength(1);
});
