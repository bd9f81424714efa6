import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { childEnvironment, searchPath } from '../config.ts';
import { findExecutable } from '../process/find.ts';
import { runProcess } from '../process/run.ts';
import { requireProgram, runStep } from './build.ts';
import { isReachable, unpackRelease } from './download.ts';
import { findInstalled, install, type Made } from './folder.ts';
import { fetchHeaders } from './ollama-headers.ts';
import type { Finding, FoundPart, Part, PartSource, SetupContext } from './part.ts';
import { ollamaRelease } from './releases.ts';
import { atLeast, firstVersion } from './versions.ts';

const version = '0.17.4';
const module = 'github.com/ollama/ollama';
const id = `ollama-${version}`;

/** Older ones leak memory to whoever can reach them: CVE-2026-7482. */
export const leastSafeOllama = '0.17.1';

export const ollamaPart: Part = {
  name: 'ollama',
  title: 'Ollama (serves the models)',
  compiles: true,
  find,
  async route() {
    const release = ollamaRelease();
    if (release && (await isReachable(release))) {
      return { how: `download release ${release.version}`, minutes: 5, megabytes: 6_000 };
    }
    return { how: `build ${version} with Go and a C++ compiler, CPU only`, minutes: 5, megabytes: 2_500 };
  },
  make: (context) => install(context, { id, make: (folder) => make(folder, context) }),
};

/** Why an Ollama of this version is not used; null when it may be. */
export function whyUnsafe(found: string): string | null {
  if (atLeast(found, leastSafeOllama)) return null;
  return `Ollama ${found} is open to CVE-2026-7482: use ${leastSafeOllama} or newer (https://ollama.com/download)`;
}

async function find({ config }: SetupContext): Promise<Finding> {
  if (config.tools.ollama !== null) {
    const part = await inspect(config.tools.ollama, 'configured');
    if (part && whyUnsafe(part.version) === null) return { state: 'ok', part };
    const reason = (part && whyUnsafe(part.version)) ?? 'it is no Ollama that runs';
    return { state: 'missing', final: true, reason: `RATCHET_OLLAMA is ${config.tools.ollama}: ${reason}` };
  }
  const onPath = await inspect('ollama', 'path');
  const unsafe = onPath && whyUnsafe(onPath.version);
  if (onPath && unsafe === null) return { state: 'ok', part: onPath };
  const installed = findInstalled(config, id);
  if (installed)
    return { state: 'ok', part: unsafe ? { ...installed, note: `not used from PATH: ${unsafe}` } : installed };
  if (onPath && unsafe) return { state: 'unsafe', part: onPath, reason: unsafe };
  return { state: 'missing', reason: 'no Ollama was found on PATH or in the cache' };
}

async function inspect(command: string, source: PartSource): Promise<FoundPart | null> {
  const path = findExecutable(command, searchPath());
  if (path === null) return null;
  // Nothing listens on port 1, so that the program tells its own version and not a running server's.
  const env = childEnvironment({ OLLAMA_HOST: '127.0.0.1:1' });
  const { stdout, tail } = await runProcess({ command: path, args: ['--version'], timeoutMs: 20_000, env });
  const told = firstVersion(/client version is .*/.exec(`${stdout}\n${tail}`)?.[0] ?? stdout);
  if (told === null) return null;
  return { path, version: told === '0.0.0' ? (moduleVersion(path) ?? told) : told, source };
}

/** A build with Go calls itself 0.0.0, but the file says which module it was made of. */
function moduleVersion(path: string): string | null {
  const file = readFileSync(path);
  const at = file.indexOf(`mod\t${module}\tv`);
  return at === -1 ? null : firstVersion(file.subarray(at, at + 120).toString('latin1'));
}

async function make(folder: string, context: SetupContext): Promise<Made> {
  const release = ollamaRelease();
  if (release && (await isReachable(release))) {
    await unpackRelease(release, folder, context);
    return { version: release.version, source: 'release', entry: release.entry };
  }
  const advice = `Ollama is missing and its release cannot be reached: install Ollama ${leastSafeOllama} or newer (https://ollama.com/download)`;
  const go = requireProgram('go', `${advice}, or Go 1.24 to build it, then run "ratchet setup".`);
  requireProgram('g++', `${advice}, or g++ to build it, then run "ratchet setup".`);
  const work = join(folder, 'work');
  mkdirSync(work, { recursive: true });
  const include = await fetchHeaders(work, context);
  await runStep(
    {
      title: `Building Ollama ${version}`,
      command: go,
      args: ['install', '-ldflags', `-X ${module}/version.Version=${version}`, `${module}@v${version}`],
      cwd: work,
      env: {
        GOFLAGS: '-buildvcs=false',
        GOBIN: work,
        CGO_ENABLED: '1',
        CGO_CFLAGS: `-O2 -I${include}`,
        CGO_CXXFLAGS: `-O2 -I${include}`,
      },
    },
    context,
  );
  renameSync(join(work, 'ollama'), join(folder, 'ollama'));
  rmSync(work, { recursive: true, force: true });
  return { version, source: 'built', entry: 'ollama' };
}
