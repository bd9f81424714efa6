import { expect, test } from 'vitest';
import type { NewInstallation } from './installation.ts';

/** What every store owes to the cache of answers, and to prompt templates. */
export function answerCacheSuite(install: NewInstallation): void {
  test('the newest answer to a request is given, unless it is too old', async () => {
    const store = await (await install()).open();
    const { answerCache } = store;
    const before = Date.now();
    expect(await answerCache.find('a', 0)).toBeNull();
    await answerCache.keep('a', 'one');
    await answerCache.keep('b', 'two');
    await answerCache.keep('a', 'three');
    expect(await answerCache.find('a', before)).toBe('three');
    expect(await answerCache.find('a', Date.now() + 60_000)).toBeNull();
    expect(await answerCache.forgetBefore(before)).toBe(0);
    expect(await answerCache.forgetBefore(Date.now() + 60_000)).toBe(2);
    expect(await answerCache.find('b', 0)).toBeNull();
  });
}

export function promptSuite(install: NewInstallation): void {
  const given = (name: string, content: string) => ({
    name,
    description: null,
    author: 'ada',
    messages: [{ role: 'system', content }],
    variables: { x: { default: 1 } },
  });

  test('versions are added, never changed; the same again adds none', async () => {
    const { prompts } = await (await install()).open();
    const first = await prompts.add(given('a', '{{x}}'));
    expect(first).toEqual({ ...given('a', '{{x}}'), version: 1, createdAt: expect.any(Number) });
    expect(await prompts.add(given('a', '{{x}}'))).toEqual(first);
    const second = await prompts.add(given('a', '{{x}}!'));
    await prompts.add(given('é', 'x'));
    expect(await prompts.get('a')).toEqual(second);
    expect(await prompts.get('a', 1)).toEqual(first);
    expect(await prompts.get('a', 3)).toBeNull();
    expect(await prompts.versions('a')).toEqual([second, first]);
    expect((await prompts.list()).map(({ name, version }) => [name, version])).toEqual([
      ['a', 2],
      ['é', 1],
    ]);
    expect(await prompts.remove('a')).toBe(true);
    expect(await prompts.remove('a')).toBe(false);
    expect(await prompts.get('a', 1)).toBeNull();
  });

  test('of two versions at once one is told that there is another', async () => {
    const installation = await install();
    const stores = [await installation.open(), await installation.open()];
    const results = await Promise.allSettled(stores.map(({ prompts }, at) => prompts.add(given('a', `text ${at}`))));
    const refused = results.filter((result) => result.status === 'rejected');
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'Conflict' });
    expect((await stores[0]?.prompts.versions('a'))?.length).toBe(2 - refused.length);
  });
}
