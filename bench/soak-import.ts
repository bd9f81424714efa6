import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { loadConfig } from '../src/config.ts';
import { type Asked, startDriver } from './gateway/child.ts';
import { type Served, startRatchet } from './gateway/contenders.ts';
import type { GapsResult } from './gateway/protocol.ts';
import { percentile, rounded } from './statistics.ts';
import type { Bench, BenchContext, Outcome } from './types.ts';

const clients = 200;
const paceMs = 50;
const aloneSeconds = 30;
const sliceSeconds = 10;
const limitMs = 50;

/** A great import must not hold up those who chat. */
export const importing: Bench = {
  name: 'import',
  kind: 'soak',
  about: 'rows imported beside 200 streams: how much longer these wait between two frames',
  parts: [],
  count: 1_000_000,
  run,
};

async function run({ count, tell }: BenchContext): Promise<Outcome> {
  const { cacheDir } = loadConfig();
  mkdirSync(cacheDir, { recursive: true });
  const folder = mkdtempSync(join(cacheDir, 'soak-import-'));
  const stops: (() => Promise<unknown>)[] = [];
  try {
    const { driver, mockPort } = await startDriver(folder, null);
    stops.push(driver.process.stop);
    const served = await startRatchet({ folder, mockPort }, null);
    stops.push(served.process.stop);
    await fetch(`http://127.0.0.1:${mockPort}/pace/${paceMs}`, { method: 'PUT' });
    tell(`${clients} streams alone for ${aloneSeconds} s`);
    const alone: GapsResult = { gaps: [], streams: 0 };
    for (let done = 0; done < aloneSeconds; done += sliceSeconds) await addSlice(alone, driver, served);
    tell(`${clients} streams while ${count} rows are imported`);
    const beside = await besideImport({ driver, served, count, tell });
    return outcomeOf(count, alone, beside);
  } finally {
    for (const stop of stops.reverse()) await stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Measures for a while more; gives the p99 of that while. */
async function addSlice(result: GapsResult, driver: Asked, { target }: Served): Promise<number> {
  const slice = await driver.ask<GapsResult>({ do: 'gaps', target, clients, seconds: sliceSeconds });
  for (const gap of slice.gaps) result.gaps.push(gap);
  result.streams += slice.streams;
  return percentile(slice.gaps, 0.99);
}

interface Beside extends GapsResult {
  seconds: number;
  said: string;
}

interface Importing {
  driver: Asked;
  served: Served;
  count: number;
  tell: (line: string) => void;
}

/** Streams for as long as the import takes, slice by slice. */
async function besideImport({ driver, served, count, tell }: Importing): Promise<Beside> {
  const started = performance.now();
  const result: Beside = { gaps: [], streams: 0, seconds: 0, said: '' };
  const import_ = { over: false };
  const sending = sendRows(served.target.port, count).finally(() => {
    import_.over = true;
    result.seconds = (performance.now() - started) / 1_000;
  });
  // It is awaited below, when the slice that it fails in is over.
  sending.catch(() => undefined);
  while (!import_.over) {
    const p99 = await addSlice(result, driver, served);
    tell(`  ${Math.round((performance.now() - started) / 1_000)} s, p99 of these ${sliceSeconds} s: ${p99} ms`);
  }
  result.said = await sending;
  return result;
}

/** Sends OpenPipe lines, made as they are taken; gives what the API answers. */
async function sendRows(port: number, count: number): Promise<string> {
  const answered = Promise.withResolvers<string>();
  const outgoing = request(
    {
      port,
      host: '127.0.0.1',
      method: 'POST',
      path: '/api/completions/import?format=openpipe',
      headers: { 'content-type': 'application/x-ndjson' },
    },
    (incoming) => {
      void (async () => {
        let text = '';
        for await (const piece of incoming) text += String(piece);
        if (incoming.statusCode === 200 || incoming.statusCode === 201) answered.resolve(text);
        else answered.reject(new Error(`The import was refused with ${incoming.statusCode}: ${text.slice(0, 500)}`));
      })();
    },
  );
  outgoing.on('error', answered.reject);
  const sending = pipeline(Readable.from(batches(count)), outgoing);
  await Promise.race([sending, answered.promise]);
  return answered.promise;
}

/** Lines, a few hundred at a time. */
function* batches(count: number, size = 200): Generator<string> {
  for (let from = 0; from < count; from += size) {
    const lines = Array.from({ length: Math.min(size, count - from) }, (_, at) => JSON.stringify(rowOf(from + at)));
    yield `${lines.join('\n')}\n`;
  }
}

/** One chat of OpenPipe's export, no two alike. */
function rowOf(number: number): object {
  const question = `Question ${number}: where is the parcel with the number ${(number * 7_919) % 1_000_003}, and when does it come?`;
  const answer = `Parcel ${number} is on its way; it comes on day ${number % 28} before noon. Thank you for your patience!`;
  return {
    input: {
      model: 'gpt-4o-mini',
      messages: [
        { role: 'system', content: 'You answer the customers of a shop.' },
        { role: 'user', content: question },
      ],
    },
    output: {
      id: `chatcmpl-${number}`,
      object: 'chat.completion',
      created: 1_700_000_000 + number,
      model: 'gpt-4o-mini',
      choices: [{ index: 0, message: { role: 'assistant', content: answer }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 40, completion_tokens: 30, total_tokens: 70 },
    },
    tags: { source: 'soak' },
  };
}

function outcomeOf(count: number, alone: GapsResult, beside: Beside): Outcome {
  const at = (share: number) => ({ alone: percentile(alone.gaps, share), beside: percentile(beside.gaps, share) });
  const p99 = at(0.99);
  const most = (gaps: readonly number[]) => gaps.reduce((longest, gap) => Math.max(longest, gap), 0);
  const added = p99.beside - p99.alone;
  const { written } = JSON.parse(beside.said) as { written: number };
  return {
    claims: [
      {
        name: `added between two frames at p99 by an import of ${count} rows beside ${clients} streams, in ms`,
        ours: rounded(added, 1),
        peer: null,
        ratio: null,
        target: `at most ${limitMs}`,
        holds: added <= limitMs,
      },
      {
        name: `rows of ${count} that the import did not write`,
        ours: count - written,
        peer: null,
        ratio: null,
        target: '0',
        holds: written === count,
      },
    ],
    details: {
      rows: count,
      import_seconds: rounded(beside.seconds, 1),
      rows_per_second: Math.round(count / beside.seconds),
      frames_every_ms: paceMs,
      gaps_ms: { p50: at(0.5), p99, longest: { alone: most(alone.gaps), beside: most(beside.gaps) } },
      streams: { alone: alone.streams, beside: beside.streams },
      answer: beside.said.slice(0, 1_000),
    },
    notes: [
      `The import took ${beside.seconds.toFixed(0)} s. Between two frames at p50 and p99, in ms: alone ${at(0.5).alone} and ${p99.alone}, beside it ${at(0.5).beside} and ${p99.beside}.`,
      `The longest wait was ${most(alone.gaps)} ms alone and ${most(beside.gaps)} ms beside the import. Every stream came whole: ${alone.streams} and ${beside.streams}.`,
    ],
  };
}
