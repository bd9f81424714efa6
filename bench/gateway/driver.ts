// The one client of the bench, in a process of its own, with the upstream as its child. Its first line is the upstream's
// port; then it takes a command per line as JSON, and answers each with a line. `--before` lets it go before the upstream.
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RawConnection, openRaw } from './raw-client.ts';
import type { DriverCommand, GapsResult, LoadResult, Sample, StreamResult, Target } from './protocol.ts';
import { startUpstream } from './upstream.ts';
import { contentFrames, mark, requestText } from './wire.ts';

const pageBytes = Buffer.alloc(4_096, 7);
const connections = new Map<number, RawConnection>();
let number = 0;

function requestOf({ port, path, headers, model }: Target, stream: boolean): Buffer {
  number += 1;
  const body = Buffer.from(requestText(model, number, stream));
  const lines = [
    `POST ${path} HTTP/1.1`,
    `host: 127.0.0.1:${port}`,
    'content-type: application/json',
    'authorization: Bearer none',
    `content-length: ${body.length}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body]);
}

/** One stream: when its first byte, its last content and its end came, in ms from the moment at which it was asked for. */
async function timeStream(connection: RawConnection, target: Target): Promise<Sample> {
  const request = requestOf(target, true);
  const sample: Sample = { first: 0, last: 0, done: 0 };
  let seen = 0;
  let rest = '';
  const started = performance.now();
  await connection.send(request, (piece) => {
    const now = performance.now() - started;
    sample.first ||= now;
    const text = rest + piece;
    const marks = text.split(mark).length - 1;
    if (marks > 0) {
      seen += marks;
      if (seen === contentFrames) sample.last = now;
    }
    if (text.includes('[DONE]')) sample.done ||= now;
    // A mark, or the end, may be cut in two; a whole mark must not be counted twice.
    rest = text.endsWith(mark) ? '' : text.slice(-5).replaceAll(mark, '');
  });
  if (seen !== contentFrames || sample.done === 0) throw new Error(`Only ${seen} of ${contentFrames} frames came.`);
  return sample;
}

async function streams({ target, count, fsyncIn }: Extract<DriverCommand, { do: 'streams' }>): Promise<StreamResult> {
  const connection = connectionTo(target);
  const file = fsyncIn === undefined ? null : openSync(join(fsyncIn, 'bare-fsync'), 'a');
  const result: StreamResult = { samples: [], fsyncs: [] };
  for (let at = 0; at < count; at += 1) {
    result.samples.push(await timeStream(connection, target));
    if (file !== null) result.fsyncs.push(timeFsync(file));
  }
  if (file !== null) closeSync(file);
  return result;
}

/** Whole answers, one after another: when the first byte of each came, and its last. */
async function wholes({ target, count }: Extract<DriverCommand, { do: 'wholes' }>): Promise<StreamResult> {
  const connection = connectionTo(target);
  const samples: Sample[] = [];
  for (let at = 0; at < count; at += 1) {
    const request = requestOf(target, false);
    let first = 0;
    const started = performance.now();
    await connection.send(request, () => (first ||= performance.now() - started));
    const done = performance.now() - started;
    samples.push({ first, last: done, done });
  }
  return { samples, fsyncs: [] };
}

function connectionTo({ port }: Target): RawConnection {
  const connection = connections.get(port) ?? openRaw(port);
  connections.set(port, connection);
  return connection;
}

function timeFsync(file: number): number {
  const started = performance.now();
  writeSync(file, pageBytes);
  fdatasyncSync(file);
  return performance.now() - started;
}

/** A closed loop: each connection sends its next request when it has the whole answer to the last. */
async function load({ target, clients, seconds }: Extract<DriverCommand, { do: 'load' }>): Promise<LoadResult> {
  const open = Array.from({ length: clients }, () => openRaw(target.port));
  const begin = performance.now() + seconds * 200;
  const end = begin + seconds * 1_000;
  let chats = 0;
  await Promise.all(
    open.map(async (connection) => {
      while (performance.now() < end) {
        let text = '';
        await connection.send(requestOf(target, false), (piece) => (text += piece));
        if (text.split(mark).length - 1 !== contentFrames) throw new Error('An answer was not whole.');
        const now = performance.now();
        if (now >= begin && now < end) chats += 1;
      }
      connection.close();
    }),
  );
  return { chatsPerSecond: chats / seconds };
}

/** Many streams at once, each begun anew when it is over; how long each waits between two pieces of its text. */
async function gaps({ target, clients, seconds }: Extract<DriverCommand, { do: 'gaps' }>): Promise<GapsResult> {
  const result: GapsResult = { gaps: [], streams: 0 };
  const end = performance.now() + seconds * 1_000;
  const one = async (connection: RawConnection, at: number): Promise<void> => {
    // Not all in step.
    await sleep((at * 1_600) / clients);
    while (performance.now() < end) {
      let last = 0;
      let marks = 0;
      await connection.send(requestOf(target, true), (piece) => {
        const found = piece.split(mark).length - 1;
        if (found === 0) return;
        const now = performance.now();
        if (last > 0) result.gaps.push(now - last);
        last = now;
        marks += found;
      });
      if (marks !== contentFrames) throw new Error(`Only ${marks} of ${contentFrames} frames came.`);
      result.streams += 1;
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: clients }, (_, at) => one(openRaw(target.port), at)));
  return { ...result, gaps: result.gaps.map((gap) => Math.round(gap * 10) / 10) };
}

function obey(command: DriverCommand): Promise<StreamResult | LoadResult | GapsResult> {
  if (command.do === 'gaps') return gaps(command);
  if (command.do === 'load') return load(command);
  return command.do === 'streams' ? streams(command) : wholes(command);
}

const lines = createInterface({ input: process.stdin });
console.log(await startUpstream(process.argv.includes('--before')));
for await (const line of lines) {
  const command = JSON.parse(line) as DriverCommand;
  try {
    console.log(JSON.stringify(await obey(command)));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
  }
}
