import { copyFileSync, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { searchPath } from '../config.ts';
import { RatchetError } from '../core/errors.ts';
import { findExecutable } from '../process/find.ts';
import { runProcess } from '../process/run.ts';
import { findInstalled, install, type Made } from './folder.ts';
import type { Finding, FoundPart, Part, PartSource, SetupContext } from './part.ts';
import { firstVersion } from './versions.ts';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const id = 'chromium';
/** What the development dependency unpacks beside its browser; not every release has every one. */
const libraries = ['libEGL.so', 'libGLESv2.so', 'libvk_swiftshader.so', 'libvulkan.so.1', 'vk_swiftshader_icd.json'];
const advice = 'install one (Debian: "apt-get install chromium") or set RATCHET_CHROMIUM';

/** Only the tests of the page need a browser. */
export const chromiumPart: Part = {
  name: 'chromium',
  title: 'Chromium (tests the page)',
  find,
  route: async () => ({ how: 'unpack the development dependency @sparticuz/chromium', minutes: 1, megabytes: 500 }),
  make: (context) => install(context, { id, make }),
};

async function find({ config }: SetupContext): Promise<Finding> {
  if (config.tools.chromium !== null) {
    const part = await inspect(config.tools.chromium, 'configured');
    if (part) return { state: 'ok', part };
    const reason = `RATCHET_CHROMIUM is ${config.tools.chromium}, which does not start`;
    return { state: 'missing', final: true, reason };
  }
  for (const name of names) {
    const part = await inspect(name, 'path');
    if (part) return { state: 'ok', part };
  }
  const part = findInstalled(config, id);
  return part ? { state: 'ok', part } : { state: 'missing', reason: 'no Chromium or Chrome was found on PATH' };
}

async function inspect(command: string, source: PartSource): Promise<FoundPart | null> {
  const path = findExecutable(command, searchPath());
  if (path === null) return null;
  const { code, stdout } = await runProcess({ command: path, args: ['--version', '--no-sandbox'], timeoutMs: 30_000 });
  const version = firstVersion(stdout);
  return code === 0 && version !== null ? { path, version, source } : null;
}

/** The browser that a development dependency carries: it needs no root, but a few libraries of the system. */
async function make(folder: string): Promise<Made> {
  const unpacked = await unpack();
  const files = ['chromium', ...libraries].filter((name) => existsSync(join(dirname(unpacked), name)));
  for (const name of files) copyFileSync(join(dirname(unpacked), name), join(folder, name));
  const part = await inspect(join(folder, 'chromium'), 'built');
  if (part) return { version: part.version, source: 'built', entry: 'chromium' };
  throw new RatchetError('PartMissing', `The Chromium of @sparticuz/chromium does not start here: ${advice}.`);
}

async function unpack(): Promise<string> {
  if (!isInstalled('@sparticuz/chromium')) {
    throw new RatchetError('PartMissing', `No Chromium was found: ${advice}.`);
  }
  const { default: chromium } = await import('@sparticuz/chromium');
  return chromium.executablePath();
}

function isInstalled(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}
