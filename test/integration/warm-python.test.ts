import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import type { JobEvent } from '../../src/core/job.ts';
import { startProcess } from '../../src/process/supervise.ts';
import { ensureParts } from '../../src/setup/ensure.ts';
import { runJob } from '../../src/training/run-job.ts';
import { type WarmPython, createWarmPython } from '../../src/training/warm-python.ts';
import { runs } from '../fixtures/cycle-events.ts';
import { tinyTrainJob } from '../fixtures/train-job.ts';

const owner = fileURLToPath(new URL('../fixtures/warm-owner.ts', import.meta.url));

/** Some 2,500 steps: longer than any test here. */
const long = { rows: 200, epochs: 100 };

let python: string;
let folder: string;
let warm: WarmPython;

beforeAll(async () => {
  python = (await ensureParts(['python'], { config: loadConfig() })).python.path;
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ratchet-warm-'));
  warm = createWarmPython({ logFile: join(folder, 'python.log') });
});
afterEach(async () => {
  await warm.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Change {
  warm?: WarmPython;
  signal?: AbortSignal;
  stallSeconds?: number;
  onEvent?: (event: JobEvent) => void;
}

function options(change: Change = {}) {
  return { python, warm, signal: new AbortController().signal, stallSeconds: 300, ...change };
}

function plainly() {
  return { python, signal: new AbortController().signal, stallSeconds: 300 };
}

/** Pid of the child that runs a job. */
function pidSeen(events: readonly JobEvent[]): number {
  return events.flatMap((event) => (event.event === 'started' ? [event.pid] : [])).at(-1) ?? 0;
}

/** The last optimizer step that was told of. */
function lastStep(events: readonly JobEvent[]): number {
  return events.flatMap((event) => (event.event === 'step' ? [event.step] : [])).at(-1) ?? 0;
}

/** Calls back once, at the first optimizer step from `step` on. */
function atStep(step: number, body: () => void): { events: JobEvent[]; onEvent: (event: JobEvent) => void } {
  const events: JobEvent[] = [];
  let done = false;
  const onEvent = (event: JobEvent) => {
    events.push(event);
    if (done || event.event !== 'step' || event.step < step) return;
    done = true;
    body();
  };
  return { events, onEvent };
}

async function until(what: string, holds: () => boolean, timeoutMs = 120_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`timed out: ${what}`);
    await sleep(20);
  }
}

test('jobs share one server, run in processes of their own, and train what a plain process trains', async () => {
  const plain = await runJob(await tinyTrainJob(folder, 'plain'), plainly());
  const events: JobEvent[] = [];
  const first = await runJob(
    await tinyTrainJob(folder, 'first'),
    options({ onEvent: (event) => void events.push(event) }),
  );
  const [server, child] = [warm.pid(), pidSeen(events)];
  const second = await runJob(
    await tinyTrainJob(folder, 'second'),
    options({ onEvent: (event) => void events.push(event) }),
  );
  expect(first.adapter_digest).toBe(plain.adapter_digest);
  expect(second.adapter_digest).toBe(plain.adapter_digest);
  expect(warm.pid()).toBe(server);
  expect(pidSeen(events)).not.toBe(child);
  expect(runs(child)).toBe(false);
});

test('two jobs at once do not hold each other up, and each has its own error', async () => {
  const wrong = await tinyTrainJob(folder, 'wrong');
  const [good, bad] = await Promise.allSettled([
    runJob({ ...(await tinyTrainJob(folder, 'good')), lock: null }, options()),
    runJob({ ...wrong, lock: null, base: join(folder, 'no-base') }, options()),
  ]);
  expect(good.status).toBe('fulfilled');
  expect(bad).toMatchObject({ status: 'rejected', reason: { code: 'BaseMissing' } });
});

test('a killed server takes its child with it; the job goes on from its checkpoint in a new one', async () => {
  // So many steps that it is killed among them, however late that is.
  const change = { epochs: 20 };
  const plain = await runJob(await tinyTrainJob(folder, 'plain', change), plainly());
  const seen = atStep(5, () => process.kill(warm.pid() ?? 0, 'SIGKILL'));
  const job = await tinyTrainJob(folder, 'killed', change);
  await expect(runJob(job, options({ onEvent: seen.onEvent }))).rejects.toMatchObject({ code: 'Stalled' });
  expect(runs(pidSeen(seen.events))).toBe(false);
  const again = atStep(1, () => {});
  const result = await runJob(job, options({ onEvent: again.onEvent }));
  const resumed = again.events.find((event) => event.event === 'resumed');
  expect(resumed?.step).toBeGreaterThanOrEqual(4);
  expect(resumed?.step).toBeGreaterThanOrEqual(lastStep(seen.events) - job.train.checkpoint.every_steps);
  expect(result.adapter_digest).toBe(plain.adapter_digest);
});

test('a cancelled job writes its checkpoint and ends; the server stays', async () => {
  const cancel = new AbortController();
  const seen = atStep(3, () => cancel.abort(new Error('told to')));
  const job = await tinyTrainJob(folder, 'cancelled', { ...long, checkpoint_steps: 1000 });
  await expect(runJob(job, options({ signal: cancel.signal, onEvent: seen.onEvent }))).rejects.toThrow('told to');
  expect(seen.events.at(-1)).toMatchObject({ event: 'stopped' });
  expect(seen.events.some(({ event }) => event === 'checkpoint')).toBe(true);
  expect(runs(pidSeen(seen.events))).toBe(false);
  expect(runs(warm.pid() ?? 0)).toBe(true);
});

test('a cancel is heard while the server still imports', async () => {
  const cancel = new AbortController();
  const events: JobEvent[] = [];
  const onEvent = (event: JobEvent) => void events.push(event);
  const running = runJob(await tinyTrainJob(folder, 'early'), options({ signal: cancel.signal, onEvent }));
  await until('the server', () => warm.pid() !== null);
  const server = warm.pid() ?? 0;
  cancel.abort(new Error('told to'));
  await expect(running).rejects.toThrow('told to');
  // One that had imported first would have begun the job, and stayed.
  expect(events).toEqual([]);
  expect(runs(server)).toBe(false);
});

test('a hung job is ended and reported as stalled', async () => {
  // That the server imports for long is no sign of a hung job.
  await runJob(await tinyTrainJob(folder, 'before'), options());
  const seen = atStep(2, () => process.kill(pidSeen(seen.events), 'SIGSTOP'));
  const job = await tinyTrainJob(folder, 'hung', long);
  await expect(runJob(job, options({ stallSeconds: 8, onEvent: seen.onEvent }))).rejects.toMatchObject({
    code: 'Stalled',
  });
  expect(lastStep(seen.events)).toBeGreaterThanOrEqual(2);
  expect(runs(pidSeen(seen.events))).toBe(false);
});

test('a server that cannot start leaves the job to a plain process', async () => {
  const running = runJob(await tinyTrainJob(folder, 'fallback'), options());
  await until('the server', () => warm.pid() !== null);
  process.kill(warm.pid() ?? 0, 'SIGKILL');
  await expect(running).resolves.toMatchObject({ steps: 8 });
});

test('an idle server ends, and its memory is free', async () => {
  const short = createWarmPython({ logFile: join(folder, 'python.log'), idleMs: 200 });
  try {
    await runJob(await tinyTrainJob(folder, 'idle'), options({ warm: short }));
    const server = short.pid() ?? 0;
    expect(runs(server)).toBe(true);
    await until('the end of the idle server', () => !runs(server));
    await expect(runJob(await tinyTrainJob(folder, 'after'), options({ warm: short }))).resolves.toBeDefined();
  } finally {
    await short.stop();
  }
});

test('kill -9 of the worker leaves no process behind', async () => {
  const lines: string[] = [];
  const process_ = startProcess({
    command: process.execPath,
    args: [owner, python, folder],
    logFile: join(folder, 'owner.log'),
    onLine: (line) => lines.push(line),
  });
  await until('a step', () => lines.includes('step'));
  const [, server = 0, child = 0] = (/server (\d+) child (\d+)/.exec(lines.join('\n')) ?? []).map(Number);
  expect([runs(server), runs(child)]).toEqual([true, true]);
  process.kill(process_.pid, 'SIGKILL');
  await process_.exited;
  await until('the end of both', () => !runs(server) && !runs(child), 20_000);
});
