import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdDecompress } from 'node:zlib';
import { RatchetError } from '../core/errors.ts';
import { runProcess } from '../process/run.ts';
import type { SetupContext } from './part.ts';
import type { Release } from './releases.ts';

const probeMs = 4_000;
const tellEveryMs = 5_000;

export type Fetch = typeof fetch;

/** Whether a release can be had from here, found out quickly. */
export async function isReachable(release: Release, fetcher: Fetch = fetch): Promise<boolean> {
  try {
    const answer = await fetcher(release.url, { method: 'HEAD', signal: AbortSignal.timeout(probeMs) });
    return answer.ok;
  } catch {
    return false;
  }
}

/** Downloads a release, checks its sum before anything else touches it, and unpacks it into `folder`. */
export async function unpackRelease(
  release: Release,
  folder: string,
  { signal, onProgress }: Pick<SetupContext, 'signal' | 'onProgress'>,
  fetcher: Fetch = fetch,
): Promise<void> {
  const archive = join(folder, 'archive');
  const sum = await download(release, archive, { signal, onProgress, fetcher });
  if (sum !== release.sha256) {
    rmSync(archive, { force: true });
    throw new RatchetError(
      'PartMissing',
      `${release.url} has the checksum ${sum} instead of ${release.sha256} and was thrown away: try again, and report it if it stays so.`,
    );
  }
  const tarball = release.url.endsWith('.zst') ? await unzstd(archive) : archive;
  const { code, tail } = await runProcess({
    command: 'tar',
    args: ['-xf', tarball, '-C', folder],
    timeoutMs: 600_000,
    ...(signal ? { signal } : {}),
  });
  if (code !== 0) throw new RatchetError('PartMissing', `${release.url} could not be unpacked: ${tail}`);
  rmSync(tarball, { force: true });
}

interface DownloadOptions extends Pick<SetupContext, 'signal' | 'onProgress'> {
  fetcher: Fetch;
}

async function download(release: Release, file: string, { signal, onProgress, fetcher }: DownloadOptions) {
  mkdirSync(join(file, '..'), { recursive: true });
  const answer = await fetcher(release.url, signal ? { signal } : {});
  if (!answer.ok || answer.body === null) {
    throw new RatchetError('PartMissing', `${release.url} answered ${answer.status}: try again later.`);
  }
  const hash = createHash('sha256');
  const total = Number(answer.headers.get('content-length') ?? 0);
  let received = 0;
  let told = Date.now();
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      received += chunk.length;
      if (Date.now() - told > tellEveryMs) {
        told = Date.now();
        onProgress(`downloading: ${megabytes(received)} of ${total > 0 ? megabytes(total) : 'unknown size'}`);
      }
      done(null, chunk);
    },
  });
  await pipeline(Readable.fromWeb(answer.body), count, createWriteStream(file), signal ? { signal } : {});
  return hash.digest('hex');
}

async function unzstd(archive: string): Promise<string> {
  const tarball = `${archive}.tar`;
  await pipeline(createReadStream(archive), createZstdDecompress(), createWriteStream(tarball));
  rmSync(archive, { force: true });
  return tarball;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1_000_000)} MB`;
}
