import { expect, test } from 'vitest';
import { whyUnsafe } from './ollama.ts';
import { atLeast, firstVersion } from './versions.ts';

test.each([
  ['1.2.3', '1.2.3', true],
  ['1.10.0', '1.9.2', true],
  ['0.17.0', '0.17.1', false],
  ['0.17.10', '0.17.9', true],
  ['1.0.0', '0.99.99', true],
  ['3.13.0rc1', '3.13.0', true],
])('%s is at least %s: %s', (version, least, expected) => {
  expect(atLeast(version, least)).toBe(expected);
});

test('finds the version in what a program prints', () => {
  expect(firstVersion('Warning: client version is 0.17.4')).toBe('0.17.4');
  expect(firstVersion('none')).toBeNull();
});

test('an Ollama that is open to CVE-2026-7482 is not used, nor one that hides its version', () => {
  expect(whyUnsafe('0.17.0')).toContain('CVE-2026-7482');
  expect(whyUnsafe('0.0.0')).toContain('CVE-2026-7482');
  expect(whyUnsafe('0.17.1')).toBeNull();
  expect(whyUnsafe('0.20.0')).toBeNull();
});
