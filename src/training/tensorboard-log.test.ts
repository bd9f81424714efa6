import { mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { pointFields } from '../core/curve.ts';
import type { CycleEvent } from '../core/cycle.ts';
import { readRun } from '../../test/fixtures/tensorboard.ts';
import { openTensorboardLog } from './tensorboard-log.ts';

const event = (data: CycleEvent['data']): CycleEvent => ({ at: '', cycle: 'c', step: 'train', kind: 'progress', data });
const figures = (step: number) => ({
  step,
  loss: step + 0.5,
  learning_rate: 0.25,
  grad_norm: 1,
  tokens_per_second: 9,
  memory_bytes: 7,
});
const step = (at: number) => event({ event: 'step', steps: 9, ...figures(at) });
const validation = (at: number) => event({ event: 'validation', step: at, loss: at });
const started = event({ event: 'started' });
const resumed = (at: number) => event({ event: 'resumed', step: at });
const again = (...steps: number[]) => {
  const points = steps.map((at) => pointFields.map((field) => figures(at)[field]));
  return event({ event: 'curve', fields: pointFields, points });
};
const losses = (...steps: number[]) => steps.map((at) => [at, at + 0.5]);

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ratchet-tensorboard-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** An attempt that tells these events; what was warned of. */
async function attempt(folder: string, before: CycleEvent[], events: CycleEvent[]): Promise<string[]> {
  const warnings: string[] = [];
  const log = openTensorboardLog({ folder, name: 'c', before, warn: (message) => void warnings.push(message) });
  for (const one of events) log.take(one);
  await log.close();
  return warnings;
}

test('every figure is there as soon as it is told', async () => {
  const folder = join(newFolder(), 'not', 'there', 'yet');
  const log = openTensorboardLog({ folder, name: 'c', before: [], warn: (message) => expect.fail(message) });
  for (const one of [started, step(1), step(2)]) log.take(one);
  await expect.poll(() => readRun(folder)['train/loss']).toEqual(losses(1, 2));
  log.take(validation(2));
  await log.close();
  expect(readRun(folder)).toEqual({
    'train/loss': losses(1, 2),
    'train/learning_rate': [
      [1, 0.25],
      [2, 0.25],
    ],
    'train/grad_norm': [
      [1, 1],
      [2, 1],
    ],
    'train/tokens_per_second': [
      [1, 9],
      [2, 9],
    ],
    'train/memory_bytes': [
      [1, 7],
      [2, 7],
    ],
    'validation/loss': [[2, 2]],
  });
});

test.each<[string, CycleEvent[], CycleEvent[], number[], number[]]>([
  [
    'steps made again',
    [started, step(1), step(2), validation(2), step(3)],
    [started, resumed(2), step(3)],
    [1, 2, 3],
    [2],
  ],
  ['a validation that is taken back', [started, step(1), validation(1)], [started, resumed(0), step(1)], [1], []],
  [
    'steps that nobody wrote down',
    [started, step(1)],
    [started, resumed(3), again(1, 2, 3), step(4)],
    [1, 2, 3, 4],
    [],
  ],
  ['a training that began anew', [started, step(1), step(2)], [started, step(1)], [1], []],
  ['one that had ended', [started, step(1)], [started, event({ event: 'result' })], [1], []],
])('after a kill: %s', async (_, before, events, steps, validations) => {
  const folder = newFolder();
  await attempt(folder, [], before);
  await attempt(folder, before, events);
  const shown = readRun(folder);
  expect(shown['train/loss']).toEqual(losses(...steps));
  expect(shown['validation/loss'] ?? []).toEqual(validations.map((at) => [at, at]));
});

test('a file that ends in the middle of a figure costs nothing', async () => {
  const folder = newFolder();
  const before = [started, step(1), step(2)];
  await attempt(folder, [], before);
  const [first = ''] = readdirSync(folder);
  truncateSync(join(folder, first), readFileSync(join(folder, first)).length - 5);
  await attempt(folder, before, [started, resumed(2), step(3)]);
  expect(readdirSync(folder)).toEqual(['events.out.tfevents.0000000001.c', 'events.out.tfevents.0000000002.c']);
  expect(readRun(folder)['train/memory_bytes']?.map(([at]) => at)).toEqual([1, 2, 3]);
});

test('a folder that cannot be written is one warning', async () => {
  const file = join(newFolder(), 'file');
  writeFileSync(file, '');
  const warnings = await attempt(join(file, 'run'), [], [started, step(1), step(2), step(3)]);
  expect(warnings).toEqual([expect.stringMatching(/^TensorBoard sees no more of this training, since .* ENOTDIR/)]);
});
