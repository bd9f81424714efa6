// A registry that does not carry every platform makes `npm install` leave the absent ones out of the lock file, which
// `npm ci` then refuses everywhere. This names them again: `npm run lock`, after `npm install`.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../src/config.ts';

interface LockEntry {
  version?: string;
  dev?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

interface Lock {
  packages: Record<string, LockEntry>;
}

export const lockFile = join(packageRoot, 'package-lock.json');

const systems = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const processors = ['arm', 'arm64', 'ia32', 'ppc64', 'riscv64', 's390x', 'x64'];

/** Optional dependencies of locked packages that the lock file does not name. */
export function missingEntries({ packages }: Lock): Record<string, LockEntry> {
  const missing: Record<string, LockEntry> = {};
  for (const [parent, { optionalDependencies = {}, dev }] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      const present = `node_modules/${name}` in packages || `${parent}/node_modules/${name}` in packages;
      const exact = /^\d+\.\d+\.\d+\S*$/.test(version);
      if (!present && exact) missing[`node_modules/${name}`] = { version, ...(dev && { dev }), ...platformOf(name) };
    }
  }
  return missing;
}

/** `@oxlint/binding-linux-x64-musl` is for Linux on x64 with musl. */
function platformOf(name: string): LockEntry {
  const words = name.replace(/^@[^/]+\//, '').split('-');
  const cpu = words
    .filter((word) => /^arm(v7)?$/.test(word) || processors.includes(word))
    .map((word) => (word === 'armv7' ? 'arm' : word));
  const os = words.filter((word) => systems.includes(word));
  const abi = words.at(-1) ?? '';
  const libc = os[0] === 'linux' ? (abi.startsWith('musl') ? ['musl'] : abi.startsWith('gnu') ? ['glibc'] : []) : [];
  return { optional: true, os, cpu, ...(libc.length > 0 && { libc }) };
}

export function readLock(): Lock {
  return JSON.parse(readFileSync(lockFile, 'utf8')) as Lock;
}

if (import.meta.main) {
  const lock = readLock();
  const packages = Object.entries({ ...lock.packages, ...missingEntries(lock) });
  packages.sort(([a], [b]) => a.localeCompare(b, 'en'));
  writeFileSync(lockFile, `${JSON.stringify({ ...lock, packages: Object.fromEntries(packages) }, null, 2)}\n`);
}
