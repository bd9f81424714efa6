import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { RatchetError, isErrno } from '../../core/errors.ts';
import { isObject } from '../../core/canonical.ts';
import type { ImportHead, ImportSource } from './types.ts';

/** How much of a file tells its format, in bytes. */
const headBytes = 64 * 1024;

/** A file on this machine. InvalidInput when there is none. */
export async function openSource(path: string): Promise<ImportSource> {
  const { size } = await stat(path).catch((cause: unknown) => {
    const reason = isErrno(cause, 'ENOENT') ? 'there is no such file' : String(cause);
    throw new RatchetError('InvalidInput', `${path} cannot be read (${reason}): name a file that is there.`, { cause });
  });
  return {
    name: basename(path),
    size,
    bytes: () => createReadStream(path, { highWaterMark: 256 * 1024 }),
    async slice(from, to) {
      const file = await open(path);
      try {
        const bytes = Buffer.alloc(Math.max(0, Math.min(to, size) - from));
        const { bytesRead } = await file.read(bytes, 0, bytes.length, from);
        return bytes.subarray(0, bytesRead);
      } finally {
        await file.close();
      }
    },
  };
}

/** What can be told from the beginning of a file. */
export async function headOf(source: ImportSource): Promise<ImportHead> {
  const bytes = await source.slice(0, Math.min(headBytes, source.size));
  const text = Buffer.from(bytes)
    .toString('utf8')
    .replace(/^\uFEFF/, '');
  const trimmed = text.trimStart();
  const isArray = trimmed.startsWith('[');
  return { name: source.name, text, isArray, first: isArray ? firstItem(trimmed) : firstLine(trimmed) };
}

/** The first object of a file of lines; one that goes over several lines is taken whole where it fits. */
function firstLine(text: string): ImportHead['first'] {
  const [line = ''] = text.split('\n', 1);
  return objectIn(line) ?? objectIn(text);
}

/** The first object of an array, by its braces. */
function firstItem(text: string): ImportHead['first'] {
  const from = text.indexOf('{');
  if (from === -1) return null;
  let depth = 0;
  let inText = false;
  for (let at = from; at < text.length; at += 1) {
    const letter = text[at];
    if (inText) {
      if (letter === '\\') at += 1;
      else if (letter === '"') inText = false;
    } else if (letter === '"') inText = true;
    else if (letter === '{') depth += 1;
    else if (letter === '}') {
      depth -= 1;
      if (depth === 0) return objectIn(text.slice(from, at + 1));
    }
  }
  return null;
}

function objectIn(text: string): ImportHead['first'] {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}
