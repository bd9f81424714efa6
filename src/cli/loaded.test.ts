import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { packageRoot } from '../config.ts';
import { runProcess } from '../process/run.ts';

/** The packages that are loaded when files of this folder are. */
async function packagesOf(...files: string[]): Promise<string[]> {
  const script = `
    import { registerHooks } from 'node:module';
    const seen = new Set();
    registerHooks({
      resolve(specifier, context, next) {
        const found = next(specifier, context);
        seen.add(/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(found.url)?.[1] ?? '');
        return found;
      },
    });
    for (const file of ${JSON.stringify(files)}) await import(file);
    console.log([...seen].join(' '));`;
  const args = ['--input-type=module', '--eval', script];
  const { code, stdout, tail } = await runProcess({ command: process.execPath, args, timeoutMs: 60_000 });
  expect({ code, tail }).toMatchObject({ code: 0 });
  return stdout.split(' ');
}

const here = (name: string): string => pathToFileURL(join(packageRoot, 'src', 'cli', name)).href;

test('what serves chats loads no library that chats do not need', async () => {
  const loaded = await packagesOf(here('commands.ts'), here('api.ts'), here('checked-config.ts'), here('run-api.ts'));
  expect(loaded).toEqual(expect.arrayContaining(['hono', 'kysely', 'pino', 'undici', 'zod']));
  const unneeded = [
    '@huggingface/jinja',
    '@opentelemetry/sdk-trace-node',
    '@temporalio/client',
    '@temporalio/worker',
    'csv-parse',
    'diff',
    'eld',
    'execa',
    'hyparquet',
    'hyparquet-writer',
    'libphonenumber-js',
    'pg',
    'validator',
    'yaml',
    'yauzl',
  ];
  expect(unneeded.filter((name) => loaded.includes(name))).toEqual([]);
}, 60_000);
