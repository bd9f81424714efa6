import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { lockFile, missingEntries, readLock } from './complete-lock.ts';

test('the lock file names every platform, so that "npm ci" takes it anywhere ("npm run lock" writes them)', () => {
  expect(Object.keys(missingEntries(readLock()))).toEqual([]);
});

test('the lock file names no download host', () => {
  expect(readFileSync(lockFile, 'utf8')).not.toMatch(/"resolved"/);
});

test('knows a platform by its name', () => {
  const optionalDependencies = {
    '@a/binding-linux-x64-musl': '1.0.0',
    '@a/binding-linux-arm-gnueabihf': '1.0.0',
    '@a/cli-darwin-arm64': '1.0.0',
    'a-range': '^1.0.0',
  };
  expect(missingEntries({ packages: { 'node_modules/a': { dev: true, optionalDependencies } } })).toEqual({
    'node_modules/@a/binding-linux-x64-musl': {
      version: '1.0.0',
      dev: true,
      optional: true,
      os: ['linux'],
      cpu: ['x64'],
      libc: ['musl'],
    },
    'node_modules/@a/binding-linux-arm-gnueabihf': {
      version: '1.0.0',
      dev: true,
      optional: true,
      os: ['linux'],
      cpu: ['arm'],
      libc: ['glibc'],
    },
    'node_modules/@a/cli-darwin-arm64': { version: '1.0.0', dev: true, optional: true, os: ['darwin'], cpu: ['arm64'] },
  });
});
