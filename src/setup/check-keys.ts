import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import type { Check } from './check.ts';

/** Whether files that hold keys can be read by their owner only. Windows has no such modes. */
export function checkKeyFiles({ home, providerKeysFile, selectionFile }: Config): Check[] {
  if (process.platform === 'win32') return [];
  return [
    // The gateway does not read such a file at all.
    ...checkMode(providerKeysFile, 'failed', () => true),
    ...checkMode(join(home, '.env'), 'warning', (text) =>
      /^\s*(export\s+)?\w*(KEY|TOKEN|SECRET|PASSWORD)\w*\s*=\s*\S/m.test(text),
    ),
    ...checkMode(selectionFile, 'warning', (text) => /"api_key"\s*:\s*"./.test(text)),
  ];
}

function checkMode(file: string, state: 'warning' | 'failed', holdsKeys: (text: string) => boolean): Check[] {
  const mode = modeOf(file);
  if (mode === null || (mode & 0o077) === 0 || !holdsKeys(textOf(file))) return [];
  const message = `${file} holds keys, and others than its owner may read it (its mode is ${mode.toString(8)})`;
  return [{ name: 'keys', state, message, fix: `chmod 600 ${file}` }];
}

function modeOf(file: string): number | null {
  try {
    return statSync(file).mode & 0o777;
  } catch {
    return null;
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
