import { mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { watchFile } from './watched-file.ts';

let folder: string;
let file: string;
let at: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ratchet-watched-'));
  file = join(folder, 'file');
  at = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = () => watchFile({ file, everyMs: 50, now: () => at });
const text = (look: ReturnType<ReturnType<typeof open>['news']>) =>
  look && 'bytes' in look ? (look.bytes?.toString() ?? null) : look;

test('the first look is news, the next only when something changed', () => {
  writeFileSync(file, 'a');
  const watched = open();
  expect(text(watched.news())).toBe('a');
  for (at = 50; at < 500; at += 50) expect(watched.news()).toBeNull();
  writeFileSync(file, 'b');
  at += 50;
  expect(text(watched.news())).toBe('b');
});

test('a missing file is news once, and so is its coming', () => {
  const watched = open();
  expect(watched.news()).toEqual({ bytes: null });
  at += 50;
  expect(watched.news()).toBeNull();
  writeFileSync(file, 'a');
  at += 50;
  expect(text(watched.news())).toBe('a');
});

test('two changes in one tick of the clock are both seen', () => {
  const watched = open();
  for (let turn = 0; turn < 200; turn++) {
    writeFileSync(file, String(turn % 10));
    at += 50;
    expect(text(watched.news())).toBe(String(turn % 10));
  }
});

test('a file with an old time that is renamed over it is seen', () => {
  writeFileSync(file, 'a');
  const watched = open();
  watched.news();
  writeFileSync(`${file}.new`, 'b');
  utimesSync(`${file}.new`, 1, 1);
  renameSync(`${file}.new`, file);
  at += 50;
  expect(text(watched.news())).toBe('b');
});

test('it looks no more often than told, unless news is expected', () => {
  writeFileSync(file, 'a');
  const watched = open();
  watched.news();
  writeFileSync(file, 'b');
  at += 49;
  expect(watched.news()).toBeNull();
  watched.expectNews();
  expect(text(watched.news())).toBe('b');
});

test('what cannot be read is an error at every look', () => {
  file = folder;
  const watched = open();
  expect(watched.news()).toHaveProperty('error');
  at += 50;
  expect(watched.news()).toHaveProperty('error');
});
