import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { isErrno } from './core/errors.ts';
import type { SettingFault } from './core/setting-fault.ts';

/** What a `.env` says. */
export interface DotEnv {
  path: string;
  values: Record<string, string | undefined>;
  /** Lines that say nothing, or why the file cannot be read. */
  faults: SettingFault[];
}

/** Reads a `.env`, which need not be there. A line that is none is told, never quoted: a key may stand in it. */
export function readDotEnv(path: string): DotEnv {
  try {
    const text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
    const faults = oddLines(text).map((line): SettingFault => {
      const message = 'write it as NAME=value, or begin it with "#"';
      return { level: 'fault', file: path, place: `line ${line}`, message };
    });
    return { path, values: parseEnv(text), faults };
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return { path, values: {}, faults: [] };
    const reason = error instanceof Error ? error.message : String(error);
    const message = `make it readable (${reason})`;
    return { path, values: {}, faults: [{ level: 'fault', file: path, place: '', message }] };
  }
}

/** Numbers of the lines, from 1, that are neither empty, nor a comment, nor `NAME=value`. */
function oddLines(text: string): number[] {
  const lines = text.split(/\r?\n/);
  const odd: number[] = [];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]?.trim() ?? '';
    if (line === '' || line.startsWith('#')) continue;
    const value = /^(?:export\s+)?[A-Za-z_][\w.-]*\s*=\s*(.*)$/.exec(line)?.[1];
    if (value === undefined) odd.push(at + 1);
    else at += quotedLines(value, lines.slice(at + 1));
  }
  return odd;
}

/** How many of the lines that follow belong to a value in quotes. */
function quotedLines(value: string, following: readonly string[]): number {
  const quote = /^["'`]/.exec(value)?.[0];
  if (quote === undefined || value.indexOf(quote, 1) !== -1) return 0;
  return following.findIndex((line) => line.includes(quote)) + 1;
}
