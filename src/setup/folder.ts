import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Config } from '../config.ts';
import { withLock } from './lock.ts';
import type { FoundPart, PartSource, SetupContext } from './part.ts';

const partFile = z.object({
  version: z.string(),
  source: z.enum(['release', 'built']),
  /** Path of the executable within the folder. */
  entry: z.string(),
  /** SHA-256 of the executable. */
  digest: z.string(),
});

/** What making a part gave. */
export interface Made {
  version: string;
  source: Extract<PartSource, 'release' | 'built'>;
  entry: string;
}

export interface Installation {
  /** `temporal-1.5.1`: one folder for each name and version, or digest. */
  id: string;
  /** For what cannot be moved, such as a virtual environment: it is made in place and counts once `part.json` is there. */
  inPlace?: boolean;
  make: (folder: string) => Promise<Made>;
}

export function toolsFolder(config: Config): string {
  return join(config.cacheDir, 'tools');
}

/** What an earlier set-up left, when it is whole. */
export function findInstalled(config: Config, id: string): FoundPart | null {
  const folder = join(toolsFolder(config), id);
  try {
    const { version, source, entry } = partFile.parse(JSON.parse(readFileSync(join(folder, 'part.json'), 'utf8')));
    const path = join(folder, entry);
    return existsSync(path) ? { path, version, source } : null;
  } catch {
    return null;
  }
}

/** Makes a part aside and renames it into place; one that is there already is given back. Can be stopped and run again. */
export async function install(context: SetupContext, { id, inPlace, make }: Installation): Promise<FoundPart> {
  const tools = toolsFolder(context.config);
  return withLock({ folder: tools, name: id }, context, async () => {
    const present = findInstalled(context.config, id);
    if (present) return present;
    const final = join(tools, id);
    const work = inPlace ? final : join(tools, `.making-${id}`);
    rmSync(final, { recursive: true, force: true });
    rmSync(work, { recursive: true, force: true });
    mkdirSync(work, { recursive: true });
    const made = await make(work);
    const digest = await sha256OfFile(join(work, made.entry));
    writeFileSync(join(work, 'part.new.json'), `${JSON.stringify({ ...made, digest }, null, 2)}\n`);
    renameSync(join(work, 'part.new.json'), join(work, 'part.json'));
    if (!inPlace) renameSync(work, final);
    return { path: join(final, made.entry), version: made.version, source: made.source };
  });
}

export async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
