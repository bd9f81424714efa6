import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RatchetError } from '../core/errors.ts';
import { requireProgram, runStep } from './build.ts';
import { findInstalled, install } from './folder.ts';
import type { FoundPart, Part, PartName, SetupContext } from './part.ts';
import { digest, findBasePython, makeEnvironment, pipInstall } from './python.ts';

export interface LockedPart {
  name: PartName;
  title: string;
  /** A file of requirements with every version, or a folder with `package.json` and its lock. */
  lock: string;
  /** The package that it is about, for its version. */
  subject: string;
  /** What pip is told beside, where it has to build something. */
  env?: Readonly<Record<string, string>>;
  compiles?: boolean;
  minutes: number;
  megabytes: number;
}

/** A Python environment of its own, of what a lock file names and nothing else. Its path is that of its Python. */
export function lockedPython(locked: LockedPart): Part {
  const idOf = async () => {
    const base = await findBasePython();
    const built = locked.env ? [JSON.stringify(locked.env)] : [];
    const made = digest(read(locked.lock), base.version, process.platform, process.arch, ...built);
    return { base, id: `${locked.name}-${made}` };
  };
  const make = async (context: SetupContext): Promise<FoundPart> => {
    const { base, id } = await idOf();
    return install(context, {
      id,
      inPlace: true,
      make: async (folder) => {
        await makeEnvironment(base.path, folder, context);
        const { lock, env, title } = locked;
        await pipInstall({ folder, lock, title: `Installing ${title}`, ...(env && { env }) }, context);
        return { version: pinned(locked), source: 'built', entry: join('bin', 'python') };
      },
    });
  };
  return partOf(locked, {
    how: 'pip install into a virtual environment of its own',
    idOf: async () => (await idOf()).id,
    make,
  });
}

/** A folder of npm packages outside our own, as their lock says. Its path is that of the subject's `package.json`. */
export function lockedNpm(locked: LockedPart): Part {
  const idOf = () => `${locked.name}-${digest(read(join(locked.lock, 'package-lock.json')), process.version)}`;
  const make = (context: SetupContext): Promise<FoundPart> =>
    install(context, {
      id: idOf(),
      make: async (folder) => {
        for (const file of ['package.json', 'package-lock.json']) cpSync(join(locked.lock, file), join(folder, file));
        const command = requireProgram('npm', 'npm is missing: install Node with its npm.');
        const args = ['ci', '--ignore-scripts', '--omit=dev', '--no-audit', '--no-fund'];
        await runStep({ title: `Installing ${locked.title}`, command, args, cwd: folder }, context);
        const entry = join('node_modules', locked.subject, 'package.json');
        const { version } = JSON.parse(read(join(folder, entry))) as { version: string };
        return { version: `${locked.subject} ${version}`, source: 'built', entry };
      },
    });
  return partOf(locked, { how: 'npm ci into the cache', idOf: async () => idOf(), make });
}

interface Making {
  how: string;
  idOf: () => Promise<string>;
  make: Part['make'];
}

function partOf({ name, title, lock, compiles, minutes, megabytes }: LockedPart, { how, idOf, make }: Making): Part {
  return {
    name,
    title,
    ...(compiles && { compiles }),
    async find({ config }) {
      // A package that npm installed has neither tests nor benches.
      if (!existsSync(lock)) return { state: 'missing', reason: `${title} is only for a checkout`, final: true };
      try {
        const part = findInstalled(config, await idOf());
        return part ? { state: 'ok', part } : { state: 'missing', reason: 'it was not made yet' };
      } catch (error) {
        if (error instanceof RatchetError) return { state: 'missing', reason: error.message };
        throw error;
      }
    },
    route: async () => ({ how, minutes, megabytes }),
    make,
  };
}

function pinned({ lock, subject }: LockedPart): string {
  const line = read(lock)
    .split('\n')
    .find((one) => one.startsWith(`${subject}==`));
  return line?.replace('==', ' ') ?? subject;
}

function read(file: string): string {
  return readFileSync(file, 'utf8');
}
