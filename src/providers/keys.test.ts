import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createProviderKeys, readProviderKeys, writeProviderKey } from './keys.ts';

let folder: string;
let file: string;
let at: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ratchet-keys-'));
  file = join(folder, 'provider-keys.json');
  at = 0;
});
afterEach(() => rmSync(folder, { recursive: true }));

const key = 'key-0123456789';

test('a key is kept for its owner alone, changed and forgotten, and nothing is left beside it', async () => {
  await writeProviderKey(file, 'openai', `${key}\n`);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  await writeProviderKey(file, 'near', 'another-key');
  await writeProviderKey(file, 'openai', 'newer-key');
  expect([...readProviderKeys(file)]).toEqual([
    ['openai', 'newer-key'],
    ['near', 'another-key'],
  ]);
  await writeProviderKey(file, 'openai', null);
  expect([...readProviderKeys(file)]).toEqual([['near', 'another-key']]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['provider-keys.json']);
});

test('the reader sees a change within a second, and reads no more often', async () => {
  const keys = createProviderKeys(file, () => at);
  expect(keys.get('openai')).toBeNull();
  await writeProviderKey(file, 'openai', key);
  at += 999;
  expect(keys.get('openai')).toBeNull();
  at += 1;
  expect(keys.get('openai')).toBe(key);
  expect(keys.get('constructor')).toBeNull();
});

test.each([0o644, 0o640, 0o604, 0o660])(
  'a file with mode %o is refused, read or written, until it is mended',
  async (mode) => {
    await writeProviderKey(file, 'openai', key);
    chmodSync(file, mode);
    const keys = createProviderKeys(file, () => at);
    expect(() => keys.get('openai')).toThrow(
      `its mode is ${mode.toString(8)}), and it holds keys: run "chmod 600 ${file}"`,
    );
    await expect(writeProviderKey(file, 'near', key)).rejects.toMatchObject({ code: 'InvalidInput' });
    chmodSync(file, 0o600);
    expect(keys.get('openai')).toBe(key);
  },
);

describe('no error quotes what may be a key', () => {
  test.each(['short', `two words ${key}`, `${key}\n${key}`, `${key}é`, ''])('%j is no key', async (bad) => {
    const error = await writeProviderKey(file, 'openai', bad).then(() => null, String);
    expect(error).toMatch('That is no API key');
    expect(error).not.toMatch(key);
  });

  test.each([`{"openai": "${key}`, `["${key}"]`, `{"openai": ["${key}"]}`, key])('%j is no file of keys', (text) => {
    writeFileSync(file, text, { mode: 0o600 });
    expect(() => readProviderKeys(file)).toThrow('is not a JSON object of provider names and keys');
    expect(() => readProviderKeys(file)).not.toThrow(key);
    expect(readFileSync(file, 'utf8')).toBe(text);
  });
});
