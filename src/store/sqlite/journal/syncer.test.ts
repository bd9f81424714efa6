import { expect, test } from 'vitest';
import { createSyncer } from './syncer.ts';

/** A file whose syncs end when they are told to. */
function openFile() {
  const begun: PromiseWithResolvers<void>[] = [];
  return {
    begun,
    sync: () => {
      const one = Promise.withResolvers<void>();
      begun.push(one);
      return one.promise;
    },
  };
}

test('who comes while a sync runs waits for the next, which serves all of them', async () => {
  const file = openFile();
  const syncer = createSyncer<typeof file>();
  const done: string[] = [];
  const first = syncer.wait(file, 0).then(() => done.push('first'));
  const later = ['second', 'third'].map((name) => syncer.wait(file, 0).then(() => done.push(name)));
  expect(file.begun).toHaveLength(1);
  file.begun[0]?.resolve();
  await first;
  expect(done).toEqual(['first']);
  await expect.poll(() => file.begun.length).toBe(2);
  file.begun[1]?.resolve();
  await Promise.all(later);
  expect(syncer.count).toBe(2);
  await syncer.idle();
});

test('a sync that fails is told to all who waited for it, and to nobody else', async () => {
  const file = openFile();
  const syncer = createSyncer<typeof file>();
  const lost = syncer.wait(file, 0);
  const later = syncer.wait(file, 0);
  file.begun[0]?.reject(new Error('no disk'));
  await expect(lost).rejects.toThrow('no disk');
  await expect.poll(() => file.begun.length).toBe(2);
  file.begun[1]?.resolve();
  await later;
});
