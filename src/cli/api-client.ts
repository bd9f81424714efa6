import { RatchetError } from '../core/errors.ts';

/** A client of the product API. Every failure is one RatchetError with the API's own sentence. */
export interface ApiClient {
  readonly url: string;
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body?: unknown): Promise<T>;
  put<T>(path: string, body: unknown): Promise<T>;
  patch<T>(path: string, body: unknown): Promise<T>;
  delete<T>(path: string): Promise<T>;
  /** An answer whose body is not JSON, or not all of it in one piece. */
  open(path: string, init?: RequestInit): Promise<Response>;
  /** Server-sent events from an id on, until the server ends the stream; a cut stream is resumed. */
  events(path: string, signal?: AbortSignal): AsyncGenerator<{ id: string; event: string; data: string }>;
}

export interface ApiClientOptions {
  url: string;
  apiKey: string | null;
}

export function createApiClient({ url, apiKey }: ApiClientOptions): ApiClient {
  const authorization: Record<string, string> = apiKey ? { authorization: `Bearer ${apiKey}` } : {};
  const send = async (path: string, init: RequestInit): Promise<Response> => {
    const headers = { ...authorization, ...(init.headers as Record<string, string> | undefined) };
    const response = await fetch(url + path, { ...init, headers }).catch((cause: unknown) => {
      if (init.signal?.aborted) throw cause;
      throw new RatchetError('NotFound', `Nothing answers at ${url}: start it with "ratchet up".`, { cause });
    });
    if (response.ok) return response;
    throw await problemOf(response, path);
  };
  const json = async <T>(path: string, init: RequestInit) => (await (await send(path, init)).json()) as T;
  const withBody = (method: string, body: unknown): RequestInit => {
    return { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  };
  return {
    url,
    get: <T>(path: string) => json<T>(path, {}),
    post: <T>(path: string, body: unknown = {}) => json<T>(path, withBody('POST', body)),
    put: <T>(path: string, body: unknown) => json<T>(path, withBody('PUT', body)),
    patch: <T>(path: string, body: unknown) => json<T>(path, withBody('PATCH', body)),
    delete: <T>(path: string) => json<T>(path, { method: 'DELETE' }),
    open: (path, init = {}) => send(path, init),
    events: (path, signal) => follow(send, path, signal),
  };
}

type Send = (path: string, init: RequestInit) => Promise<Response>;

async function* follow(send: Send, path: string, signal?: AbortSignal) {
  let last = '0';
  for (;;) {
    const response = await send(path, { headers: { 'last-event-id': last }, ...(signal && { signal }) });
    if (!response.body) return;
    try {
      for await (const event of parseEvents(response.body)) {
        last = event.id || last;
        yield event;
      }
      return;
    } catch (error) {
      if (signal?.aborted || error instanceof RatchetError) throw error;
    }
  }
}

async function* parseEvents(body: ReadableStream<Uint8Array>) {
  const decoder = new TextDecoder();
  let buffer = '';
  for await (const chunk of body) {
    buffer += decoder.decode(chunk, { stream: true });
    const blocks = buffer.split('\n\n');
    buffer = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = block.split('\n').map((line) => /^(id|event|data): ?(.*)$/.exec(line));
      const value = (name: string) =>
        fields.flatMap((field) => (field?.[1] === name ? [field[2] ?? ''] : [])).join('\n');
      if (value('data') !== '') yield { id: value('id'), event: value('event'), data: value('data') };
    }
  }
}

async function problemOf(response: Response, path: string): Promise<RatchetError> {
  const text = await response.text();
  try {
    const body = JSON.parse(text) as { code?: string; detail?: string; advice?: string; error?: { message?: string } };
    const message = body.detail ?? body.error?.message ?? text;
    return new RatchetError((body.code ?? 'Bug') as 'Bug', message, { details: { status: response.status } });
  } catch {
    return new RatchetError('Bug', `${path} answered ${response.status}: ${text.slice(0, 300)}`);
  }
}
