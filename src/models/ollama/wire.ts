import { Agent, type RequestInit, type Response, fetch } from 'undici';
import { z } from 'zod';
import { RatchetError } from '../../core/errors.ts';

export interface CallOptions {
  json?: unknown;
  body?: Blob | AsyncIterable<Uint8Array>;
  signal?: AbortSignal | undefined;
  /** Statuses over 299 that are an answer, not an error. */
  allow?: readonly number[];
}

/** One call to an Ollama server. */
export type Call = (method: string, path: string, options?: CallOptions) => Promise<Response>;

/** One line of what Ollama says while it pulls, pushes or makes a model. */
export interface ProgressLine {
  status: string;
  /** Of the layer that the figures are about. */
  digest?: string | undefined;
  /** Bytes of the layer. */
  total?: number | undefined;
  /** Bytes of it that are there. */
  completed?: number | undefined;
}

const errorSchema = z.object({ error: z.string() });
const lineSchema = z.object({
  status: z.string().nullish(),
  error: z.string().nullish(),
  digest: z.string().nullish(),
  total: z.number().nullish(),
  completed: z.number().nullish(),
});

/** Converting and verifying large models is silent for minutes. */
const silentMs = 1_800_000;

/** Makes the calls to the Ollama server at `url`; the key is for what may stand before it. Errors are those of the table in {@link rejected}, and one for nobody there. */
export function createCall(url: string, apiKey: () => string | null): Call {
  const dispatcher = new Agent({ headersTimeout: silentMs, bodyTimeout: silentMs });
  return async (method, path, { json, body, signal, allow = [] } = {}) => {
    const key = apiKey();
    const headers = {
      ...(json !== undefined && { 'content-type': 'application/json' }),
      ...(key !== null && { authorization: `Bearer ${key}` }),
    };
    const init: RequestInit = {
      method,
      headers,
      dispatcher,
      ...(json !== undefined && { body: JSON.stringify(json) }),
      ...(body && { body, duplex: 'half' }),
      ...(signal && { signal }),
    };
    const response = await fetch(`${url}${path}`, init).catch((cause: unknown) => {
      signal?.throwIfAborted();
      // What fails in a body that is sent is the sender's, and says more.
      const inner = cause instanceof Error ? cause.cause : undefined;
      if (inner instanceof RatchetError) throw inner;
      throw new RatchetError(
        'ProviderUnavailable',
        `Ollama does not answer at ${url}. Start Ollama ("ollama serve"), or set OLLAMA_BASE_URL.`,
        { cause },
      );
    });
    if (response.ok || allow.includes(response.status)) return response;
    throw await refusal(response, `${method} ${path}`);
  };
}

/** The JSON of an answer. ProviderRejected when it is not what Ollama sends. */
export async function readJson<T>(response: Response, schema: z.ZodType<T>): Promise<T> {
  const parsed = schema.safeParse(await response.json());
  if (parsed.success) return parsed.data;
  throw new RatchetError(
    'ProviderRejected',
    `What answers at ${new URL(response.url).origin} is not an Ollama that Ratchet knows: update Ollama to 0.17 or later.`,
    { cause: parsed.error },
  );
}

/**
 * Sends a call that Ollama answers with a line for everything that it does, until it says `success`. ProviderUnavailable
 * when the lines end before.
 */
export async function followLines(
  call: Call,
  path: string,
  {
    json,
    onLine,
    signal,
  }: { json: { model: string }; onLine: (line: ProgressLine) => void; signal?: AbortSignal | undefined },
): Promise<void> {
  const response = await call('POST', path, { json: { ...json, stream: true }, signal });
  const cut = (cause?: unknown) =>
    new RatchetError('ProviderUnavailable', `Ollama stopped while it was busy with ${json.model}: try again.`, {
      cause,
    });
  let last = '';
  try {
    for await (const text of lines(response)) {
      const { status, error, digest, total, completed } = lineSchema.parse(JSON.parse(text));
      if (error) throw rejected(error, { call: `POST ${path}`, model: json.model });
      if (!status) continue;
      last = status;
      onLine({ status, digest: digest ?? undefined, total: total ?? undefined, completed: completed ?? undefined });
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof RatchetError ? error : cut(error);
  }
  if (last !== 'success') throw cut();
}

async function refusal(response: Response, what: string): Promise<RatchetError> {
  const text = await response.text().catch(() => '');
  const message = messageOf(text) ?? `HTTP ${response.status}`;
  const details = { status: response.status, call: what };
  if (response.status === 404) return new RatchetError('NotFound', `Ollama: ${message}.`, { details });
  return rejected(message, details, response.status >= 500);
}

const passing =
  /max retries exceeded|EOF|connection re(set|fused)|no such host|timeout|timed out|handshake|network is unreachable|digest mismatch|^50\d/i;

/** Ollama's words as an error of ours; a busy or failing server may answer better the next time. */
function rejected(message: string, details: Record<string, unknown>, isTransient = false): RatchetError {
  if (/no space left/i.test(message)) {
    return new RatchetError('DiskFull', `Ollama has no space left: free some disk space, then retry.`, { details });
  }
  if (/more system memory|out of memory/i.test(message)) {
    return new RatchetError('OutOfMemory', `Ollama has too little memory: ${message}.`, { details });
  }
  if (/pull model manifest: (file does not exist|.*manifest unknown|404)/i.test(message)) {
    const name = typeof details.model === 'string' ? details.model : 'such model';
    const text = `The registry has no ${name}: look up its name and tag at https://ollama.com/library.`;
    return new RatchetError('NotFound', text, { details });
  }
  const code = isTransient || passing.test(message) ? 'ProviderUnavailable' : 'ProviderRejected';
  return new RatchetError(code, `Ollama refused: ${message}.`, { details });
}

function messageOf(text: string): string | null {
  try {
    return errorSchema.parse(JSON.parse(text)).error.replace(/\.$/, '');
  } catch {
    return text.trim() === '' ? null : text.trim().slice(0, 500);
  }
}

async function* lines(response: Response): AsyncGenerator<string> {
  if (!response.body) return;
  let rest = '';
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    yield* parts.filter((part) => part.trim() !== '');
  }
  if (rest.trim() !== '') yield rest;
}
