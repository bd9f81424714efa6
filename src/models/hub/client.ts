import { z } from 'zod';
import { RatchetError, type ErrorCode } from '../../core/errors.ts';

/** A file of a repository, as the hub lists it. */
export interface HubFile {
  path: string;
  /** Bytes. */
  size: number;
  /** Names its content. */
  oid: string;
  /** SHA-256 of its bytes; null of small files, which the hub keeps in git. */
  sha256: string | null;
}

/** Bytes of a file from somewhere on. */
export interface HubBytes {
  /** Where they begin; 0 where the hub sends all of it again. */
  from: number;
  /** The commit that they are of; null where the hub does not say. */
  commit: string | null;
  body: ReadableStream<Uint8Array>;
}

/** A hub of models. What it refuses is a RatchetError whose sentence says what to do. */
export interface Hub {
  /** Every file of a repository at a revision. */
  tree(id: string, revision: string, signal?: AbortSignal): Promise<HubFile[]>;
  open(place: HubPlace, from: number, signal?: AbortSignal): Promise<HubBytes>;
}

export interface HubPlace {
  id: string;
  revision: string;
  file: string;
}

const entries = z.array(
  z.object({
    type: z.string(),
    path: z.string(),
    oid: z.string().nullish(),
    size: z.number().nullish(),
    lfs: z.object({ oid: z.string(), size: z.number() }).nullish(),
  }),
);

/** Pages of a listing; more is no model. */
const mostPages = 50;

/** The hub at an address, asked with a token where there is one. */
export function createHub({ endpoint, token }: { endpoint: string; token: string | null }): Hub {
  const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` };
  const ask = async (url: string, id: string, init: RequestInit): Promise<Response> => {
    const response = await fetch(url, init).catch((cause: unknown) => {
      init.signal?.throwIfAborted();
      throw new RatchetError('ProviderUnavailable', unreachable(endpoint), { cause });
    });
    if (response.ok) return response;
    await response.body?.cancel();
    throw refused(response, { id, endpoint, withToken: token !== null });
  };
  return {
    async tree(id, revision, signal) {
      const files: HubFile[] = [];
      let url: string | null = `${endpoint}/api/models/${id}/tree/${encodeURIComponent(revision)}?recursive=true`;
      for (let page = 0; url !== null && page < mostPages; page += 1) {
        const response: Response = await ask(url, id, { headers, signal: signal ?? null });
        files.push(...filesOf(await response.json()));
        url = nextPage(response, endpoint);
      }
      return files;
    },
    async open({ id, revision, file }, from, signal) {
      const url = `${endpoint}/${id}/resolve/${encodeURIComponent(revision)}/${encodeURIComponent(file)}`;
      const range = from > 0 ? { range: `bytes=${from}-` } : {};
      const response = await ask(url, id, { headers: { ...headers, ...range }, signal: signal ?? null });
      const at = Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1] ?? 0);
      if (!response.body) throw new RatchetError('ProviderUnavailable', unreachable(endpoint));
      const commit = response.headers.get('x-repo-commit');
      return { from: response.status === 206 ? at : 0, commit, body: response.body };
    },
  };
}

function filesOf(answer: unknown): HubFile[] {
  const parsed = entries.safeParse(answer);
  if (!parsed.success) {
    throw new RatchetError('ProviderRejected', 'The hub lists files in another way than is known: check HF_ENDPOINT.');
  }
  return parsed.data.flatMap(({ type, path, oid, size, lfs }) => {
    if (type !== 'file') return [];
    if (path.startsWith('/') || path.split('/').some((part) => part === '..' || part === '.' || part === '')) {
      throw new RatchetError(
        'ProviderRejected',
        `The hub lists ${JSON.stringify(path)}, which leads out of the model.`,
      );
    }
    const sha256 = lfs?.oid ?? null;
    return [{ path, size: lfs?.size ?? size ?? 0, oid: sha256 ?? oid ?? '', sha256 }];
  });
}

/** The next page of a listing, on the same hub only. */
function nextPage(response: Response, endpoint: string): string | null {
  const next = /<([^>]+)>;\s*rel="next"/.exec(response.headers.get('link') ?? '')?.[1];
  if (next === undefined) return null;
  const url = new URL(next, endpoint);
  return url.origin === new URL(endpoint).origin ? url.href : null;
}

function unreachable(endpoint: string): string {
  return `${endpoint} does not answer: check the network, set HF_ENDPOINT to a mirror, or add the folder of a copy.`;
}

interface Asked {
  id: string;
  endpoint: string;
  withToken: boolean;
}

function refused(response: Response, asked: Asked): RatchetError {
  const { status } = response;
  const [code, message] = reasonOf(status, response.headers.get('x-error-code'), asked);
  return new RatchetError(code, message, { details: { status } });
}

function reasonOf(status: number, said: string | null, { id, endpoint, withToken }: Asked): [ErrorCode, string] {
  const token = withToken ? 'use an HF_TOKEN that may read it' : 'set HF_TOKEN to a token that may read it';
  if (status === 403 || said === 'GatedRepo')
    return ['Unauthorized', `${id} is given to those who accept its terms at ${endpoint}/${id}: do so, and ${token}.`];
  if (status === 401)
    return ['Unauthorized', `There is no ${id} at ${endpoint} for everybody: look at the name, or ${token}.`];
  if (said === 'RevisionNotFound') return ['NotFound', `${id} has no such revision: look at ${endpoint}/${id}.`];
  if (status === 404) return ['NotFound', `There is no ${id} at ${endpoint}: look at the name.`];
  if (status === 429) return ['RateLimited', `${endpoint} asks for patience: wait a little, or set HF_TOKEN.`];
  if (status === 416) return ['Conflict', `${id} is not what it was: run it again.`];
  return ['ProviderUnavailable', `${endpoint} answered ${status}: try again later.`];
}
