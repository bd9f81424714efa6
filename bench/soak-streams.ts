import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startProcess } from '../src/process/supervise.ts';
import { openStore } from '../src/store/open.ts';
import { type StreamsReport, abortStreams, counting, manyStreams } from '../test/fixtures/many-streams.ts';
import { startWireServer } from '../test/fixtures/wire-server.ts';
import { treeMemory } from './gateway/memory.ts';
import { median, rounded } from './statistics.ts';
import type { Bench, BenchContext, Outcome } from './types.ts';

const atOnce = 500;
const framesEach = 200;
/** Streams that are left between two looks at the memory. */
const batchSize = 500;
const abortsAtOnce = 50;
const flat = 1.1;

/** Many streams at once lose no frame, and streams that clients leave cost no memory. */
export const streams: Bench = {
  name: 'streams',
  kind: 'soak',
  about: `${atOnce} streams at once lose no frame; the memory is flat over streams that clients leave`,
  parts: [],
  count: 10_000,
  run,
};

async function run({ count, tell }: BenchContext): Promise<Outcome> {
  const dataDir = mkdtempSync(join(tmpdir(), 'ratchet-streams-'));
  const wire = await startWireServer(['tiny'], counting(framesEach, 20));
  const started = Promise.withResolvers<string>();
  const child = startProcess({
    command: process.execPath,
    args: [fileURLToPath(new URL('../test/fixtures/api-child.ts', import.meta.url)), dataDir, wire.url],
    logFile: join(dataDir, 'child.log'),
    onLine: started.resolve,
  });
  void child.exited.then(({ tail }) => started.reject(new Error(`the API process ended: ${tail}`)));
  try {
    const url = await started.promise;
    tell(`${atOnce} streams of ${framesEach} frames at once`);
    const report = await manyStreams(url, atOnce, framesEach);
    wire.answerWith(counting(1_000_000, 20));
    const memory: number[] = [];
    for (let done = 0; done < count; done += batchSize) {
      await abortStreams(url, Math.min(batchSize, count - done), abortsAtOnce);
      await sleep(200);
      // What the test's own provider remembers is none of the gateway's.
      wire.requests.length = 0;
      memory.push(treeMemory(child.pid));
      tell(`  ${Math.min(done + batchSize, count)}/${count} left, ${Math.round(memory.at(-1) ?? 0)} MB`);
    }
    await sleep(2_000);
    await child.stop();
    return outcomeOf(count, report, memory, await openCount(dataDir));
  } finally {
    await child.stop();
    await wire.close();
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Completions that no one has closed, when those of the ended process are swept. */
async function openCount(dataDir: string): Promise<number> {
  const store = await openStore({ dataDir });
  const { items } = await store.chats.list({ states: ['open'] }, { limit: 200 });
  await store.close();
  return items.length;
}

function outcomeOf(count: number, report: StreamsReport, memory: number[], open: number): Outcome {
  // The first quarter warms the process up.
  const warm = memory.slice(Math.floor(memory.length / 4));
  const third = Math.max(1, Math.floor(warm.length / 3));
  const [before, after] = [median(warm.slice(0, third)), median(warm.slice(-third))];
  const growth = rounded(after / before);
  return {
    claims: [
      {
        name: `streams of ${report.streams} at once with a frame lost or at another place`,
        ours: report.wrong,
        peer: null,
        ratio: null,
        target: '0',
        holds: report.wrong === 0,
      },
      {
        name: `memory after ${count} streams that were left, to that after a third of them`,
        ours: growth,
        peer: null,
        ratio: null,
        target: `≤ ${flat}`,
        holds: growth <= flat,
      },
      {
        name: `completions that stay open after ${count} streams that were left`,
        ours: open,
        peer: null,
        ratio: null,
        target: '0',
        holds: open === 0,
      },
    ],
    details: { report, memory, open },
    notes: [`From ${Math.round(before)} to ${Math.round(after)} MB.`],
  };
}
