import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DefaultLogger, Worker, type WorkflowBundleWithSourceMap, bundleWorkflowCode } from '@temporalio/worker';
import { beforeAll, expect, test } from 'vitest';
import { installRuntime, workflowsPath } from '../../src/temporal/worker.ts';

const folder = join(import.meta.dirname, 'histories');
const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
const scenarios = ['queued', 'aborted', 'promoted', 'reset', 'reset-after-abort', 'awaiting-approval', 'patched'];

let today: WorkflowBundleWithSourceMap;
let changed: WorkflowBundleWithSourceMap;

beforeAll(async () => {
  installRuntime();
  today = await bundle(workflowsPath());
  changed = await bundle(fileURLToPath(new URL('./fixtures/changed-workflow.ts', import.meta.url)));
});

test.each(scenarios)('there is a history of a cycle that is or was %s', (scenario) => {
  expect(files.some((file) => file.startsWith(`${scenario}-`))).toBe(true);
});

test.each(files)("today's workflow replays %s", async (file) => {
  await Worker.runReplayHistory({ workflowBundle: today, replayName: file }, history(file));
});

test.each(files)('a changed workflow does not replay %s', async (file) => {
  const replayed = Worker.runReplayHistory({ workflowBundle: changed, replayName: file }, history(file));
  await expect(replayed).rejects.toMatchObject({ name: 'DeterminismViolationError' });
});

test.each(files)('%s is small and names no machine', (file) => {
  const text = readFileSync(join(folder, file), 'utf8');
  expect(text.length).toBeLessThan(100 * 1024);
  const payloads = [...text.matchAll(/"data":"([^"]*)"/g)].map(([, data = '']) =>
    Buffer.from(data, 'base64').toString(),
  );
  expect([text, ...payloads].join('\n')).not.toMatch(/\/(home|root|tmp|Users|work)\/|\b\d+@/);
});

function bundle(path: string): Promise<WorkflowBundleWithSourceMap> {
  return bundleWorkflowCode({ workflowsPath: path, logger: new DefaultLogger('WARN') });
}

function history(file: string): unknown {
  return JSON.parse(readFileSync(join(folder, file), 'utf8'));
}
