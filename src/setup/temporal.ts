import { searchPath } from '../config.ts';
import { findExecutable } from '../process/find.ts';
import { runProcess } from '../process/run.ts';
import { requireProgram, runStep } from './build.ts';
import { isReachable, unpackRelease } from './download.ts';
import { findInstalled, install, type Made } from './folder.ts';
import type { Finding, FoundPart, Part, PartSource, SetupContext } from './part.ts';
import { temporalRelease } from './releases.ts';
import { atLeast } from './versions.ts';

/** The newest tag without a `replace` directive, which `go install` refuses. */
const version = '1.5.1';
/** Updates that the page of the server offers for a parked workflow came with this one. */
const leastServer = '1.29.0';
const id = `temporal-${version}`;

export const temporalPart: Part = {
  name: 'temporal',
  title: 'Temporal (server, command and page in one)',
  compiles: true,
  find,
  async route() {
    const release = temporalRelease();
    if (release && (await isReachable(release))) {
      return { how: `download release ${release.version}`, minutes: 1, megabytes: 400 };
    }
    return { how: `build ${version} with Go`, minutes: 5, megabytes: 2_500 };
  },
  make: (context) => install(context, { id, make: (folder) => make(folder, context) }),
};

async function find({ config }: SetupContext): Promise<Finding> {
  if (config.tools.temporal !== null) {
    const file = findExecutable(config.tools.temporal, searchPath());
    const part = file && (await inspect(file, 'configured'));
    if (part) return { state: 'ok', part };
    const reason = `RATCHET_TEMPORAL is ${config.tools.temporal}, which is no Temporal with a server of ${leastServer} or newer`;
    return { state: 'missing', final: true, reason };
  }
  const onPath = findExecutable('temporal', searchPath());
  const part = (onPath && (await inspect(onPath, 'path'))) ?? findInstalled(config, id);
  return part ? { state: 'ok', part } : { state: 'missing', reason: 'no Temporal was found on PATH or in the cache' };
}

/** null when it is something else or too old. A build with Go calls itself 0.0.0-DEV, so the server's version counts. */
async function inspect(path: string, source: PartSource): Promise<FoundPart | null> {
  const { stdout } = await runProcess({ command: path, args: ['--version'], timeoutMs: 20_000 });
  const [, cli, server] = /version (\S+) \(Server (\d+\.\d+\.\d+)/.exec(stdout) ?? [];
  if (cli === undefined || server === undefined || !atLeast(server, leastServer)) return null;
  return { path, version: cli.startsWith('0.0.0') ? `server ${server}` : cli, source };
}

async function make(folder: string, context: SetupContext): Promise<Made> {
  const release = temporalRelease();
  if (release && (await isReachable(release))) {
    await unpackRelease(release, folder, context);
    return { version: release.version, source: 'release', entry: release.entry };
  }
  const go = requireProgram(
    'go',
    'Temporal is missing and its release cannot be reached: install Temporal (https://docs.temporal.io/cli) or Go 1.24, then run "ratchet setup".',
  );
  const stamp = `-X github.com/temporalio/cli/temporalcli.Version=${version}`;
  await runStep(
    {
      title: `Building Temporal ${version}`,
      command: go,
      args: ['install', '-ldflags', stamp, `github.com/temporalio/cli/cmd/temporal@v${version}`],
      cwd: folder,
      env: { GOFLAGS: '-buildvcs=false', GOBIN: folder },
    },
    context,
  );
  return { version, source: 'built', entry: 'temporal' };
}
