import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../src/config.ts';
import { runProcess } from '../src/process/run.ts';
import { installed } from './steps.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ratchet-arrows-'));
  copyFileSync(join(packageRoot, '.oxlintrc.json'), join(folder, '.oxlintrc.json'));
});

afterAll(() => rmSync(folder, { recursive: true }));

async function lint(file: string, line: string): Promise<string> {
  const path = join(folder, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${line}\n`);
  const args = ['-f', 'unix', path];
  const { stdout } = await runProcess({ command: installed('oxlint'), args, cwd: folder, timeoutMs: 100_000 });
  rmSync(path);
  return stdout;
}

test.each([
  ['src/core/a.ts', "export { a } from '../store/a.ts';"],
  ['src/core/a.ts', "export { readFileSync } from 'node:fs';"],
  ['src/core/a.ts', "export { loadConfig } from '../config.ts';"],
  ['src/store/a.ts', "export { a } from '../gateway/a.ts';"],
  ['src/store/sqlite/a.ts', "export { a } from '../../gateway/a.ts';"],
  ['src/dataset/a.ts', "export { a } from '../models/a.ts';"],
  ['src/gateway/a.ts', "export { a } from '../api/a.ts';"],
  ['src/providers/a.ts', "export { execa } from 'execa';"],
  ['src/api/a.ts', "export { spawn } from 'node:child_process';"],
  ['src/api/a.ts', "export { Kysely } from 'kysely';"],
  ['src/models/a.ts', "export { DatabaseSync } from 'node:sqlite';"],
  ['src/training/a.ts', "export { ApplicationFailure } from '@temporalio/common';"],
  ['src/workflows/a.ts', "export { readFileSync } from 'node:fs';"],
  ['src/workflows/a.ts', "export { z } from 'zod';"],
  ['src/workflows/a.ts', "export { Client } from '@temporalio/client';"],
  ['src/workflows/a.ts', "export { createActivities } from '../activities/create.ts';"],
  ['src/workflows/a.ts', "export { loadConfig } from '../config.ts';"],
  ['src/web/a.ts', "export { app } from '../api/app.ts';"],
])('%s may not say %s', async (file, line) => {
  expect(await lint(file, line)).toContain('no-restricted-imports');
});

test('the environment is read in config.ts only', async () => {
  const line = 'export const home = process.env.HOME;';
  expect(await lint('src/api/a.ts', line)).toContain('no-process-env');
  expect(await lint('src/config.ts', line)).not.toContain('no-process-env');
});

test.each([
  ['src/gateway/a.ts', "export { a } from '../models/a.ts';"],
  ['src/process/a.ts', "export { execa } from 'execa';"],
  ['src/store/a.ts', "export { Kysely } from 'kysely';"],
  ['src/activities/boundary.ts', "export { ApplicationFailure } from '@temporalio/common';"],
  ['src/workflows/a.ts', "export { proxyActivities } from '@temporalio/workflow';"],
  ['src/workflows/a.ts', "export { steps } from '../core/cycle.ts';"],
  ['src/workflows/a.ts', "export type { Activities } from '../activities/create.ts';"],
  ['src/web/a.ts', "export type { AppType } from '../api/app.ts';"],
])('%s may say %s', async (file, line) => {
  expect(await lint(file, line)).not.toContain('no-restricted-imports');
});
