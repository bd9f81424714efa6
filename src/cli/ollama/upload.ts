import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { RatchetError } from '../../core/errors.ts';
import { parseModelfile } from '../../models/ollama/modelfile.ts';
import type { ApiClient } from '../api-client.ts';
import { type Printer, createPrinter } from '../watch.ts';
import { progressText } from './views.ts';

/** A Modelfile, with what the files that it names are called on the way. */
export interface ReadModelfile {
  text: string;
  /** Paths on this machine, by the name that the Modelfile or its folder gives them. */
  paths: Map<string, string>;
}

/** Files of a model's folder that Ollama converts. */
const wanted = /\.(safetensors|gguf|json)$|^tokenizer\.model$/;

/** Reads a Modelfile and finds the files and folders on this machine that it is made of. InvalidInput. */
export async function readModelfile(file: string): Promise<ReadModelfile> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new RatchetError('InvalidInput', `${file} cannot be read: name a Modelfile with -f, or use --from.`, {
      cause,
    });
  });
  const paths = new Map<string, string>();
  for (const { name, value } of parseModelfile(text)) {
    if (name !== 'from' && name !== 'adapter') continue;
    const path = resolve(dirname(file), value.replace(/^~(?=\/|$)/, homedir()));
    const found = await stat(path).catch(() => null);
    if (found?.isFile()) paths.set(value, path);
    if (!found?.isDirectory()) continue;
    const inside = (await readdir(path)).filter((one) => wanted.test(one));
    for (const one of inside) paths.set(`${value.replace(/\/+$/, '')}/${one}`, join(path, one));
  }
  return { text, paths };
}

/** Uploads files that Ollama does not have yet; their digests `sha256:…` by name. */
export async function uploadFiles(api: ApiClient, paths: ReadModelfile['paths']): Promise<Record<string, string>> {
  const print = createPrinter(process.stderr);
  const digests: Record<string, string> = {};
  for (const [name, path] of paths) {
    const { size } = await stat(path);
    const hash = createHash('sha256');
    for await (const piece of counted(path, { size, what: `reading ${name}`, print })) hash.update(piece);
    const digest = `sha256:${hash.digest('hex')}`;
    digests[name] = digest;
    if (await isThere(api, digest)) continue;
    const body = ReadableStream.from(counted(path, { size, what: `sending ${name}`, print }));
    const init: RequestInit = { method: 'POST', body, duplex: 'half' };
    await api.open(`/api/ollama/blobs/${digest}`, init);
    print(`sent ${name}`, false);
  }
  return digests;
}

async function isThere(api: ApiClient, digest: string): Promise<boolean> {
  return api.get(`/api/ollama/blobs/${digest}`).then(
    () => true,
    (error: unknown) => {
      if (error instanceof RatchetError && error.details.status === 404) return false;
      throw error;
    },
  );
}

const tellEveryMs = 250;

async function* counted(
  path: string,
  { size, what, print }: { size: number; what: string; print: Printer },
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let bytes = 0;
  let toldAt = performance.now();
  const stream = createReadStream(path, { highWaterMark: 2 ** 20 }) as AsyncIterable<Buffer<ArrayBuffer>>;
  for await (const piece of stream) {
    bytes += piece.length;
    yield piece;
    if (performance.now() - toldAt < tellEveryMs) continue;
    toldAt = performance.now();
    const percent = Math.floor((bytes / size) * 100);
    const progress = { bytes, total: size, percent, bytes_per_second: null, seconds_left: null };
    print(progressText(what, progress, process.stderr.isTTY), true);
  }
}
