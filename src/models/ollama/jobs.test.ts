import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RatchetError } from '../../core/errors.ts';
import { managementOf } from '../../core/ollama-options.ts';
import type { OllamaClient, WorkOptions } from '../ollama.ts';
import { checkedBytes } from './checked-bytes.ts';
import { createMeter } from './figures.ts';
import type { JobEvent } from './job-log.ts';
import { type Jobs, createJobs } from './jobs.ts';
import { transferJob } from './transfer.ts';

const cut = new RatchetError('ProviderUnavailable', 'Ollama stopped.');
const never = new AbortController().signal;

type Pull = (name: string, options: WorkOptions) => Promise<void>;

function pulls(pull: Pull, waits: number[] = []) {
  const jobs = createJobs({ now: () => 0, tellEveryMs: 0 });
  const ollama = { pull, push: pull } as Pick<OllamaClient, 'pull' | 'push'>;
  const wait = async (ms: number) => void waits.push(ms);
  const deps = { ollama, management: () => managementOf(), wait };
  return { jobs, start: (name: string) => jobs.start(transferJob(deps, 'pull', name)) };
}

async function seen(jobs: Jobs, id: string, from = 0): Promise<JobEvent[]> {
  const all: JobEvent[] = [];
  for await (const event of jobs.follow(id, from, never)) all.push(event);
  return all;
}

const layer = (completed: number) => ({ status: 'pulling a', digest: 'sha256:a', total: 100, completed });

describe('a pull', () => {
  test('is joined by whoever asks for the same model, in whatever spelling', async () => {
    const gate = Promise.withResolvers<void>();
    let calls = 0;
    const { jobs, start } = pulls(async () => {
      calls++;
      await gate.promise;
    });
    const { id } = start('tiny');
    expect(start('library/Tiny:latest').id).toBe(id);
    expect(start('tiny:v2').id).not.toBe(id);
    gate.resolve();
    expect(await jobs.ended(id)).toMatchObject({ state: 'done', error: null });
    expect(calls).toBe(2);
    expect(start('tiny').id).not.toBe(id);
  });

  test('tells each reader all that it needs, from wherever it goes on', async () => {
    const gate = Promise.withResolvers<void>();
    const { jobs, start } = pulls(async (_name, { onLine }) => {
      onLine({ status: 'pulling manifest' });
      for (let at = 0; at <= 100; at += 10) onLine(layer(at));
      await gate.promise;
      onLine({ status: 'success' });
    });
    const { id } = start('tiny');
    const early = seen(jobs, id);
    gate.resolve();
    const all = await early;
    const late = await seen(jobs, id);
    expect(late.map(({ event }) => event)).toEqual(['status', 'status', 'progress', 'status', 'end']);
    expect(late.at(-3)?.data).toMatchObject({ figures: { bytes: 100, total: 100, percent: 100 } });
    expect(all.at(-1)).toEqual(late.at(-1));
    expect(all.map((event) => event.id)).toEqual(all.map((event) => event.id).sort((one, other) => one - other));
    const middle = late[2]?.id ?? 0;
    expect(await seen(jobs, id, middle)).toEqual(late.filter((event) => event.id > middle));
  });

  test('that is cut goes on as long as something comes, and tells of it', async () => {
    const steps = [10, 30, 60, 60, 90];
    const waits: number[] = [];
    const { jobs, start } = pulls(async (_name, { onLine }) => {
      const at = steps.shift();
      if (at === undefined) return onLine({ status: 'success' });
      onLine(layer(at));
      throw cut;
    }, waits);
    const { id } = start('tiny');
    expect(await jobs.ended(id)).toMatchObject({ state: 'done', cuts: 5 });
    // Nothing came through the fourth time.
    expect(waits).toEqual([1000, 1000, 1000, 2000, 1000]);
    expect((await seen(jobs, id)).filter(({ event }) => event === 'cut')).toHaveLength(5);
  });

  test('through which nothing comes is given up, with the reason', async () => {
    const waits: number[] = [];
    const { jobs, start } = pulls(() => Promise.reject(cut), waits);
    const { id } = start('tiny');
    expect(await jobs.ended(id)).toMatchObject({ state: 'failed', error: { message: 'Ollama stopped.' } });
    expect(waits).toEqual([1000, 2000, 4000, 8000]);
    expect((await seen(jobs, id)).at(-1)?.data).toEqual({
      state: 'failed',
      error: { code: 'ProviderUnavailable', message: 'Ollama stopped.' },
    });
  });

  test('of what is not there is not tried again', async () => {
    const waits: number[] = [];
    const { jobs, start } = pulls(
      () => Promise.reject(new RatchetError('NotFound', 'The registry has no tiny.')),
      waits,
    );
    expect(await jobs.ended(start('tiny').id)).toMatchObject({ state: 'failed', error: { code: 'NotFound' } });
    expect(waits).toEqual([]);
  });

  test('is ended by cancelling, not by a reader that leaves', async () => {
    const { jobs, start } = pulls(
      (_name, { signal }) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason as Error));
        }),
    );
    const { id } = start('tiny');
    const leaving = new AbortController();
    const reading = (async () => {
      for await (const event of jobs.follow(id, 0, leaving.signal)) expect(event.event).not.toBe('end');
    })();
    leaving.abort();
    await reading;
    expect(jobs.get(id)?.state).toBe('running');
    await jobs.cancel(id);
    expect(jobs.get(id)).toMatchObject({ state: 'cancelled', error: null });
    await jobs.close();
  });

  test('of a registry that is not allowed is refused before Ollama is asked', () => {
    const { start } = pulls(() => Promise.reject(new Error('asked')));
    expect(() => start('169.254.169.254/latest/meta-data')).toThrow('are not allowed');
  });
});

describe('figures', () => {
  test('count what was there before as bytes, not as speed', () => {
    const meter = createMeter();
    meter.add(layer(50), 0);
    expect(meter.figures(0)).toEqual({ bytes: 50, total: 100, percent: 50, bytesPerSecond: null, secondsLeft: null });
    meter.add(layer(70), 2000);
    expect(meter.figures(2000)).toEqual({ bytes: 70, total: 100, percent: 70, bytesPerSecond: 10, secondsLeft: 3 });
    meter.add(layer(100), 14_000);
    expect(meter.figures(14_000)).toMatchObject({ percent: 100, bytesPerSecond: 3, secondsLeft: 0 });
  });

  test('stay within their bounds, whatever comes', () => {
    const line = fc.record({ digest: fc.constantFrom('a', 'b'), total: fc.nat(1000), completed: fc.nat(1000) });
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const meter = createMeter();
        for (const [at, one] of lines.entries()) meter.add({ status: 's', ...one }, at * 100);
        const figures = meter.figures(lines.length * 100);
        expect(figures === null).toBe(lines.length === 0);
        expect(figures?.percent ?? 0).toBeGreaterThanOrEqual(0);
        expect(figures?.percent ?? 0).toBeLessThanOrEqual(100);
        expect(figures?.bytesPerSecond ?? 1).toBeGreaterThan(0);
        expect(figures?.secondsLeft ?? 0).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe('an uploaded file', () => {
  // printf abc | sha256sum
  const digest = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  const pieces = (...texts: string[]) =>
    (async function* () {
      for (const text of texts) yield Buffer.from(text);
    })();
  async function taken(body: AsyncIterable<Uint8Array>, limit = 100) {
    const got: string[] = [];
    let error: unknown = null;
    try {
      for await (const piece of checkedBytes(body, { digest, limit })) got.push(Buffer.from(piece).toString());
    } catch (thrown) {
      error = thrown;
    }
    return { got, error };
  }

  test('comes through as it came', async () => {
    expect(await taken(pieces('a', 'b', 'c'))).toEqual({ got: ['a', 'b', 'c'], error: null });
  });

  test('with another digest never comes whole', async () => {
    const { got, error } = await taken(pieces('a', 'b', 'd'));
    expect(got).toEqual(['a', 'b']);
    expect(error).toMatchObject({
      code: 'InvalidInput',
      message: expect.stringMatching('have the digest sha256:') as string,
    });
  });

  test('that is too large is cut', async () => {
    const { got, error } = await taken(pieces('a', 'b', 'c'), 2);
    expect(got).toEqual(['a']);
    expect(error).toMatchObject({ details: { httpStatus: 413 } });
  });
});
