// Every test: `npm test`, or `npm test -- test/contract -t "some name"` for a part. The last line counts them all.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { z } from 'zod';
import { type Config, childEnvironment, loadConfig, packageRoot, searchPath } from '../src/config.ts';
import { findExecutable } from '../src/process/find.ts';
import { ensureParts, partsFor } from '../src/setup/ensure.ts';
import { installed, runHere } from './steps.ts';

const pythonFolder = join('scripts', 'litgpt');

interface Counts {
  passed: number;
  failed: number;
}

/** What the runners find the real parts by. */
async function testEnvironment(): Promise<{ env: Record<string, string>; python: string }> {
  const config = loadConfig();
  const parts = await ensureParts(partsFor.test, { config, onProgress: console.error });
  const llamacpp = await findLlamacpp(config);
  const python = parts['python-dev'].path;
  const env = childEnvironment({
    RATCHET_TEMPORAL: parts.temporal.path,
    RATCHET_OLLAMA: parts.ollama.path,
    RATCHET_PYTHON: parts.python.path,
    RATCHET_CHROMIUM: parts.chromium.path,
    RATCHET_TEST_PYTHON: python,
    RATCHET_TEST_CLIENTS: parts['python-clients'].path,
    ...(llamacpp !== null && { RATCHET_TEST_LLAMACPP: llamacpp }),
    PYTHONDONTWRITEBYTECODE: '1',
  });
  return { env, python };
}

/** There is no built llama.cpp to be had: without a C++ compiler its tests are left out, and say so. */
async function findLlamacpp(config: Config): Promise<string | null> {
  if (findExecutable('c++', searchPath()) === null) return null;
  const { llamacpp } = await ensureParts(['llamacpp'], { config, onProgress: console.error });
  return llamacpp.path;
}

async function runPytest(python: string, paths: string[], report: string, env: Record<string, string>) {
  const args = ['-m', 'pytest', '-q', `--junitxml=${report}`, ...paths];
  const code = await runHere({ command: python, args, cwd: join(packageRoot, pythonFolder), env });
  return atLeastOneFailure(countPytest(report), code);
}

function countPytest(report: string): Counts {
  if (!existsSync(report)) return { passed: 0, failed: 0 };
  const suite = /<testsuite [^>]*>/.exec(readFileSync(report, 'utf8'))?.[0] ?? '';
  const number = (name: string) => Number(new RegExp(` ${name}="(\\d+)"`).exec(suite)?.[1] ?? 0);
  const failed = number('failures') + number('errors');
  return { passed: number('tests') - failed - number('skipped'), failed };
}

const vitestReport = z.object({ numPassedTests: z.number(), numFailedTests: z.number() });

async function runVitest(args: string[], report: string, env: Record<string, string>): Promise<Counts> {
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const vitest = ['run', ...reporters, ...args];
  const code = await runHere({ command: installed('vitest'), args: vitest, cwd: packageRoot, env });
  return atLeastOneFailure(countVitest(report), code);
}

function countVitest(report: string): Counts {
  if (!existsSync(report)) return { passed: 0, failed: 0 };
  const { numPassedTests, numFailedTests } = vitestReport.parse(JSON.parse(readFileSync(report, 'utf8')));
  return { passed: numPassedTests, failed: numFailedTests };
}

/** A runner that failed without a failing test (a file that does not load, an error outside any test) is a failure. */
function atLeastOneFailure({ passed, failed }: Counts, code: number): Counts {
  return { passed, failed: code === 0 ? failed : Math.max(1, failed) };
}

function isPythonTest(argument: string): boolean {
  return !argument.startsWith('-') && relative(join(packageRoot, pythonFolder), resolve(argument)).startsWith('tests');
}

async function testAll(args: string[]): Promise<Counts> {
  const { env, python } = await testEnvironment();
  const folder = mkdtempSync(join(tmpdir(), 'ratchet-test-'));
  try {
    const counts: Counts[] = [];
    const pythonPaths = args.filter(isPythonTest);
    const others = args.filter((argument) => !isPythonTest(argument));
    if (args.length === 0 || pythonPaths.length > 0) {
      const paths = pythonPaths.length > 0 ? pythonPaths.map((path) => resolve(path)) : ['tests'];
      counts.push(await runPytest(python, paths, join(folder, 'pytest.xml'), env));
    }
    if (args.length === 0 || others.length > 0) counts.push(await runVitest(others, join(folder, 'vitest.json'), env));
    return {
      passed: counts.reduce((sum, { passed }) => sum + passed, 0),
      failed: counts.reduce((sum, { failed }) => sum + failed, 0),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const { passed, failed } = await testAll(process.argv.slice(2));
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
