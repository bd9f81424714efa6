import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot, searchPath } from '../config.ts';
import { RatchetError } from '../core/errors.ts';
import { findExecutable } from '../process/find.ts';
import { runProcess } from '../process/run.ts';
import { runStep } from './build.ts';
import { findInstalled, install, type Made } from './folder.ts';
import type { Finding, FoundPart, Part, SetupContext } from './part.ts';
import { atLeast } from './versions.ts';

const leastPython = '3.11.0';
const scripts = join(packageRoot, 'scripts', 'litgpt');
const runtimeLock = join(scripts, 'requirements.txt');
const devLock = join(scripts, 'requirements-dev.txt');

export const pythonPart: Part = {
  name: 'python',
  title: 'Python with LitGPT (trains)',
  find: findRuntime,
  route: async () => ({ how: 'pip install into a virtual environment of its own', minutes: 3, megabytes: 7_000 }),
  make: makeRuntime,
};

/** Its own small environment that sees the packages of {@link pythonPart}: PyTorch is there once. */
export const pythonDevPart: Part = {
  name: 'python-dev',
  title: 'Python tools (test and lint the Python side)',
  async find(context) {
    const runtime = await findRuntime(context);
    if (runtime.state !== 'ok') return { state: 'missing', reason: 'it is made on top of the Python part' };
    const part = findInstalled(context.config, await devId(runtime.part));
    return part ? { state: 'ok', part } : { state: 'missing', reason: 'it was not made yet' };
  },
  route: async () => ({ how: 'pip install on top of the Python part', minutes: 1, megabytes: 300 }),
  async make(context) {
    const runtime = await findRuntime(context);
    return makeDev(runtime.state === 'ok' ? runtime.part : await makeRuntime(context), context);
  },
};

export interface BasePython {
  path: string;
  version: string;
}

/** A Python that can make virtual environments; PartMissing says what to install. */
export async function findBasePython(): Promise<BasePython> {
  for (const name of ['python3', 'python3.13', 'python3.12', 'python3.11']) {
    const path = findExecutable(name, searchPath());
    const base = path && (await inspectBase(path));
    if (base) return base;
  }
  throw new RatchetError(
    'PartMissing',
    'Python 3.11 or newer with its venv module is missing: install it (Debian: "apt-get install python3-venv"), then run "ratchet setup".',
    { details: { command: 'python3' } },
  );
}

async function inspectBase(path: string): Promise<BasePython | null> {
  const code = 'import ensurepip, venv, sys; print(sys.version.split()[0])';
  const { code: exit, stdout } = await runProcess({ command: path, args: ['-c', code], timeoutMs: 30_000 });
  const version = stdout.trim();
  return exit === 0 && atLeast(version, leastPython) ? { path, version } : null;
}

async function findRuntime({ config }: SetupContext): Promise<Finding> {
  if (config.python !== null) {
    const path = findExecutable(config.python, searchPath());
    const litgpt = path && (await litgptVersion(path));
    if (path && litgpt) return { state: 'ok', part: { path, version: `litgpt ${litgpt}`, source: 'configured' } };
    const reason = `RATCHET_PYTHON is ${config.python}, which is no Python that has litgpt`;
    return { state: 'missing', final: true, reason };
  }
  try {
    const part = findInstalled(config, runtimeId(await findBasePython()));
    return part ? { state: 'ok', part } : { state: 'missing', reason: 'its environment was not made yet' };
  } catch (error) {
    if (error instanceof RatchetError) return { state: 'missing', reason: error.message };
    throw error;
  }
}

async function litgptVersion(path: string): Promise<string | null> {
  const code = 'from importlib.metadata import version; print(version("litgpt"))';
  const { code: exit, stdout } = await runProcess({ command: path, args: ['-c', code], timeoutMs: 30_000 });
  return exit === 0 ? stdout.trim() : null;
}

async function makeRuntime(context: SetupContext): Promise<FoundPart> {
  const base = await findBasePython();
  return install(context, {
    id: runtimeId(base),
    inPlace: true,
    make: async (folder) => {
      await makeEnvironment(base.path, folder, context);
      await pipInstall({ folder, lock: runtimeLock, title: 'Installing LitGPT and PyTorch' }, context);
      return describe(folder);
    },
  });
}

async function makeDev(runtime: FoundPart, context: SetupContext): Promise<FoundPart> {
  return install(context, {
    id: await devId(runtime),
    inPlace: true,
    make: async (folder) => {
      await makeEnvironment(runtime.path, folder, context);
      await linkPackages(runtime.path, join(folder, 'bin', 'python'));
      await pipInstall({ folder, lock: devLock, title: 'Installing the Python tools' }, context);
      return describe(folder);
    },
  });
}

/** A virtual environment in a folder. */
export async function makeEnvironment(python: string, folder: string, context: SetupContext): Promise<void> {
  await runStep({ title: 'Making a Python environment', command: python, args: ['-m', 'venv', folder] }, context);
}

/** Lets one environment see the packages of another: a `.pth` line per folder. */
async function linkPackages(from: string, to: string): Promise<void> {
  const code = [
    'import subprocess, sys, sysconfig, pathlib',
    'ask = "import site; print(chr(10).join(site.getsitepackages()))"',
    'found = subprocess.run([sys.argv[1], "-c", ask], check=True, capture_output=True, text=True).stdout',
    'pathlib.Path(sysconfig.get_path("purelib"), "_base.pth").write_text(found)',
  ].join('\n');
  const { code: exit, tail } = await runProcess({ command: to, args: ['-c', code, from], timeoutMs: 30_000 });
  if (exit !== 0) throw new RatchetError('PartMissing', `The Python tools could not be joined to LitGPT: ${tail}`);
}

interface PipInstall {
  /** Folder of a virtual environment. */
  folder: string;
  /** A file of requirements with every version. */
  lock: string;
  title: string;
  env?: Readonly<Record<string, string>>;
}

/** Installs what a lock file names. */
export async function pipInstall({ folder, lock, title, env }: PipInstall, context: SetupContext): Promise<void> {
  const args = ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '-r', lock];
  const command = join(folder, 'bin', 'python');
  await runStep({ title, command, args, cwd: scripts, ...(env && { env }) }, context);
}

async function describe(folder: string): Promise<Made> {
  const entry = join('bin', 'python');
  return { version: `litgpt ${await litgptVersion(join(folder, entry))}`, source: 'built', entry };
}

/** The same lock on the same Python is the same environment. */
function runtimeId(base: BasePython): string {
  return `python-${digest(readFileSync(runtimeLock, 'utf8'), base.version, process.platform, process.arch)}`;
}

async function devId(runtime: FoundPart): Promise<string> {
  return `python-dev-${digest(readFileSync(devLock, 'utf8'), readFileSync(runtimeLock, 'utf8'), runtime.path)}`;
}

/** Names an environment by all that it is made of. */
export function digest(...parts: string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 12);
}
