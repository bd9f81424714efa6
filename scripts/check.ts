// Everything that is checked without running: `npm run check`. All checks run; it fails when one of them does.
import { join } from 'node:path';
import { loadConfig, packageRoot } from '../src/config.ts';
import { ensureParts, partsFor } from '../src/setup/ensure.ts';
import { type Command, installed, runHere } from './steps.ts';

const pythonFolder = join(packageRoot, 'scripts', 'litgpt');

interface Check extends Command {
  name: string;
}

async function pythonTools(): Promise<string> {
  const parts = await ensureParts(partsFor.check, { config: loadConfig(), onProgress: console.error });
  return parts['python-dev'].path;
}

function python(name: string, interpreter: string, args: string[]): Check {
  return { name, command: interpreter, args: ['-m', ...args], cwd: pythonFolder };
}

function checks(interpreter: string): Check[] {
  return [
    { name: 'types', command: installed('tsc'), args: ['-p', '.'] },
    { name: 'lint', command: installed('oxlint'), args: ['--type-aware', '--deny-warnings'] },
    { name: 'format', command: installed('biome'), args: ['format', '.'] },
    { name: 'unused', command: installed('knip'), args: [] },
    python('Python lint', interpreter, ['ruff', 'check', '.']),
    python('Python format', interpreter, ['ruff', 'format', '--check', '.']),
    python('Python types', interpreter, ['mypy']),
  ];
}

function fixes(interpreter: string): Check[] {
  return [
    python('Python lint', interpreter, ['ruff', 'check', '--fix', '.']),
    python('Python format', interpreter, ['ruff', 'format', '.']),
  ];
}

async function runAll(list: Check[]): Promise<boolean> {
  const results: { name: string; ok: boolean; seconds: string }[] = [];
  for (const check of list) {
    const begin = performance.now();
    const code = await runHere({ cwd: packageRoot, ...check });
    results.push({ name: check.name, ok: code === 0, seconds: ((performance.now() - begin) / 1000).toFixed(1) });
  }
  for (const { name, ok, seconds } of results) console.log(`${ok ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  return results.every(({ ok }) => ok);
}

const interpreter = await pythonTools();
const ok = await runAll(process.argv.includes('--fix-python') ? fixes(interpreter) : checks(interpreter));
process.exitCode = ok ? 0 : 1;
