import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join, resolve } from 'node:path';

/** The absolute path of a program: itself when it is a path, else the first match on `path`; null when there is none. */
export function findExecutable(command: string, path: string): string | null {
  if (isAbsolute(command) || /[/\\]/.test(command)) return firstExecutable([resolve(command)]);
  const folders = path.split(delimiter).filter((folder) => folder !== '');
  return firstExecutable(folders.map((folder) => join(folder, command)));
}

function firstExecutable(candidates: string[]): string | null {
  const extensions = process.platform === 'win32' ? ['.exe', '.cmd', ''] : [''];
  const files = candidates.flatMap((candidate) => extensions.map((extension) => candidate + extension));
  return files.find(isExecutable) ?? null;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
