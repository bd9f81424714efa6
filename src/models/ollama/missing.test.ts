import { describe, expect, test } from 'vitest';
import { RatchetError } from '../../core/errors.ts';
import { managementOf } from '../../core/ollama-options.ts';
import type { Provider, ProviderAnswer } from '../../providers/types.ts';
import { createJobs } from './jobs.ts';
import { mayPull, pullsMissing } from './missing.ts';

describe('a model that is not there', () => {
  test.each([
    ['tiny', undefined, true],
    ['tiny', ['tiny'], true],
    ['tiny:v1', ['tiny'], true],
    ['library/TINY:latest', ['Tiny'], true],
    ['tiny:v1', ['tiny:v1'], true],
    ['tiny:v2', ['tiny:v1'], false],
    ['tiny-large', ['tiny'], false],
    ['tiny-large', ['tiny*'], true],
    ['hf.co/a/b:q4', ['hf.co/a/*'], true],
    ['hf.co/evil/b', ['hf.co/a/*'], false],
    ['tiny', [], false],
    ['../tiny', ['*'], false],
  ])('%s may be pulled with %j: %s', (model, pull_models, may) => {
    const options = { pull: 'missing', ...(pull_models && { pull_models }) };
    expect(mayPull(model, managementOf(options))).toBe(may);
    expect(mayPull(model, managementOf({ ...options, pull: 'never' }))).toBe(false);
  });

  const missing = new RatchetError('NotFound', 'There is no tiny.');
  const answer = { status: 200 } as ProviderAnswer;

  /** A provider that has the model only when it was pulled. */
  function pulling({ work, error = missing }: { work: () => Promise<void>; error?: RatchetError }) {
    const jobs = createJobs();
    const asked: string[] = [];
    let isThere = false;
    const provider = {
      name: 'ollama',
      call: async () => {
        asked.push(isThere ? 'answered' : 'missing');
        if (!isThere) throw error;
        return answer;
      },
    } as unknown as Provider;
    const pull = (model: string) =>
      jobs.start({ kind: 'pull', model, work: async () => work().then(() => void (isThere = true)) });
    const management = () => managementOf({ pull: 'missing' });
    const wrapped = pullsMissing(provider, { management, pull, ended: jobs.ended });
    const call = (signal = new AbortController().signal) =>
      wrapped.call('chat/completions', '{}', { signal, model: 'tiny' });
    return { call, asked, jobs };
  }

  test('is pulled, and asked again', async () => {
    const { call, asked } = pulling({ work: () => Promise.resolve() });
    expect(await call()).toBe(answer);
    expect(asked).toEqual(['missing', 'answered']);
  });

  test('is refused with the reason when it cannot be pulled', async () => {
    const { call, asked } = pulling({ work: () => Promise.reject(new RatchetError('DiskFull', 'No space.')) });
    await expect(call()).rejects.toMatchObject({ code: 'DiskFull' });
    expect(asked).toEqual(['missing']);
  });

  test('is not pulled for another fault', async () => {
    const busy = new RatchetError('RateLimited', 'Busy.');
    const { call, jobs } = pulling({ work: () => Promise.resolve(), error: busy });
    await expect(call()).rejects.toBe(busy);
    expect(jobs.list()).toEqual([]);
  });

  test('goes on being pulled when the caller leaves', async () => {
    const gate = Promise.withResolvers<void>();
    const { call, jobs } = pulling({ work: () => gate.promise });
    const leaving = new AbortController();
    const asking = call(leaving.signal);
    const gone = new RatchetError('Cancelled', 'The client went away.');
    leaving.abort(gone);
    await expect(asking).rejects.toBe(gone);
    const [job] = jobs.list();
    expect(job?.state).toBe('running');
    gate.resolve();
    expect(await jobs.ended(job?.id ?? '')).toMatchObject({ state: 'done' });
  });
});
