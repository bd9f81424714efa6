import { searchPath } from '../config.ts';
import { RatchetError } from '../core/errors.ts';
import { findExecutable } from '../process/find.ts';
import { runProcess } from '../process/run.ts';
import type { Finding, FoundPart, Part, PartSource, SetupContext } from './part.ts';
import { firstVersion } from './versions.ts';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** Only the tests of the page need a browser. */
export const chromiumPart: Part = {
  name: 'chromium',
  title: 'Chromium (tests the page)',
  find,
  route: async () => ({ how: 'unpack the development dependency @sparticuz/chromium', minutes: 1, megabytes: 200 }),
  async make() {
    const part = await bundled();
    if (part) return part;
    throw new RatchetError(
      'PartMissing',
      'No Chromium was found that starts: install one (Debian: "apt-get install chromium") or set RATCHET_CHROMIUM.',
    );
  },
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
  return { state: 'missing', reason: 'no Chromium or Chrome was found on PATH' };
}

async function inspect(command: string, source: PartSource): Promise<FoundPart | null> {
  const path = findExecutable(command, searchPath());
  if (path === null) return null;
  const { code, stdout } = await runProcess({ command: path, args: ['--version', '--no-sandbox'], timeoutMs: 30_000 });
  const version = firstVersion(stdout);
  return code === 0 && version !== null ? { path, version, source } : null;
}

/** The browser that a development dependency carries; it needs no root, but a few libraries of the system. */
async function bundled(): Promise<FoundPart | null> {
  const { default: chromium } = await import('@sparticuz/chromium').catch(() => ({ default: null }));
  return chromium ? inspect(await chromium.executablePath(), 'bundled') : null;
}
