import { expect, test } from 'vitest';
import { RatchetError, asRatchetError, isErrno, traits } from './errors.ts';

test('an error of ours stays what it is', () => {
  const error = new RatchetError('NotFound', 'There is no such thing.');
  expect(asRatchetError(error)).toBe(error);
});

test('a full disk is named as such, wherever it comes from', () => {
  const cause = Object.assign(new Error('write'), { code: 'ENOSPC' });
  expect(asRatchetError(cause)).toMatchObject({ code: 'DiskFull', cause });
});

test.each([new TypeError('x is undefined'), 'a string', null, { odd: true }])(
  '%s becomes a bug with its cause',
  (thrown) => {
    expect(asRatchetError(thrown)).toMatchObject({ code: 'Bug', cause: thrown });
  },
);

test('isErrno looks at the code alone', () => {
  expect(isErrno({ code: 'ENOENT' }, 'ENOENT')).toBe(true);
  expect(isErrno({ code: 'ENOENT' }, 'EEXIST')).toBe(false);
  expect(isErrno(null, 'ENOENT')).toBe(false);
});

test('every advice is one sentence, every status an HTTP error', () => {
  for (const { advice, status } of Object.values(traits)) {
    expect(advice).toMatch(/^[A-Z].*\.$/);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(600);
  }
});
