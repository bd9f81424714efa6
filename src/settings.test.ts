import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { packageRoot } from './config.ts';
import { createSettings } from './settings.ts';

let folder: string;
let file: string;
let at: number;
let warnings: Record<string, unknown>[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ratchet-settings-'));
  file = join(folder, 'ratchet.json');
  at = 0;
  warnings = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

const write = (value: unknown) => writeFileSync(file, JSON.stringify(value));
const days = (count: number) => ({ retention: { days: count } });
const log = { info: () => {}, warn: (facts: Record<string, unknown>) => warnings.push(facts) };
const open = () => createSettings({ file, log, now: () => at });

test('without a file the defaults are in force, and a file that comes later is seen', () => {
  const settings = open();
  expect(settings.current().retention.days).toBeNull();
  write(days(3));
  at += 100;
  expect(settings.current().retention.days).toBe(3);
  expect(settings.fault()).toBeNull();
});

test('the file is looked at no more than once in 100 ms', () => {
  write(days(1));
  const settings = open();
  write(days(22));
  at += 99;
  expect(settings.current().retention.days).toBe(1);
  at += 1;
  expect(settings.current().retention.days).toBe(22);
});

test('a change that keeps the size is seen, written in place or renamed over', () => {
  write(days(1));
  const settings = open();
  write(days(2));
  at += 100;
  expect(settings.current().retention.days).toBe(2);
  writeFileSync(`${file}.new`, JSON.stringify(days(3)));
  renameSync(`${file}.new`, file);
  at += 100;
  expect(settings.current().retention.days).toBe(3);
});

test('unchanged settings are the very same object', () => {
  write(days(1));
  const settings = open();
  const before = settings.current();
  at += 1_000;
  expect(settings.current()).toBe(before);
});

test.each<[string, () => void, RegExp]>([
  ['bad value', () => write(days(-1)), /retention\.days/],
  ['half a file', () => writeFileSync(file, '{"retention":'), /not valid JSON/],
  ['an emptied file', () => writeFileSync(file, ''), /not valid JSON/],
  ['a removed file', () => rmSync(file), /is gone: put it back, or write \{\} into it/],
])('%s keeps the last good settings, is told once, and is over when mended', (_name, spoil, reason) => {
  write(days(1));
  const settings = open();
  spoil();
  for (let look = 0; look < 5; look++) {
    at += 100;
    expect(settings.current().retention.days).toBe(1);
  }
  expect(settings.fault()).toMatch(reason);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]?.fault).toMatch(reason);
  write(days(7));
  at += 100;
  expect(settings.current().retention.days).toBe(7);
  expect(settings.fault()).toBeNull();
});

test('a file that is bad from the start is refused with every fault', () => {
  write({ retention: { days: 'x' }, routes: { a: {} } });
  expect(open).toThrow(/routes\.a\.model: .*retention\.days: /);
  expect(open).toThrow(expect.objectContaining({ code: 'InvalidInput' }));
});

test('a folder in its place is refused', () => {
  file = folder;
  expect(open).toThrow(/cannot be read/);
});

test('the example in the docs is right, and the page names every field', () => {
  const text = readFileSync(join(packageRoot, 'docs', 'settings.md'), 'utf8');
  const example = /```json\n([\s\S]*?)```/.exec(text)?.[1] ?? '';
  writeFileSync(file, example);
  const { providers, routes, retention, prices } = open().current();
  expect(providers.size).toBeGreaterThan(0);
  expect(routes.size).toBeGreaterThan(0);
  const fields =
    'record train egress locality kind enabled base_url api_key_env options limits timeout_seconds retries model deployments ' +
    'strategy fallback force breaker context requests_per_minute tokens_per_minute concurrent abilities weight tags cached_input';
  for (const field of fields.split(' ')) expect(text, field).toMatch(new RegExp(`\\b${field}\\b`));
  expect(retention.days).toBeGreaterThan(0);
  expect([...prices.values()].some(({ cachedInput }) => cachedInput !== undefined)).toBe(true);
});
