import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Pack, pack } from 'tar-stream';

/** Files of a folder as a tar, in the order of their names. Equal files are equal bytes. */
export function tarOf(folder: string, names: readonly string[]): Readable {
  const tar = pack();
  fill(tar, folder, [...names].sort()).then(
    () => tar.finalize(),
    (error: unknown) => tar.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  // What tar-stream gives is a stream of another make.
  return Readable.from(tar);
}

async function fill(tar: Pack, folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const path = join(folder, name);
    const { size } = await stat(path);
    // No time of day: equal exports are equal bytes.
    const entry = tar.entry({ name, size, mode: 0o644, mtime: new Date(0) });
    await pipeline(createReadStream(path), entry);
  }
}
