import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

/** What stands at a URL, asked without any key. */
export interface Look {
  status: number;
  /** Header names in lower case. */
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The beginning of the body. */
  text: string;
  isJson: boolean;
  isWebPage: boolean;
  /** How far the server's clock is ahead of ours, in ms; null when it does not tell. */
  aheadMs: number | null;
}

export interface LookOptions {
  /** How long it may take, in ms. */
  limitMs?: number;
  /** Take any certificate: nothing secret is sent, and only what the server says of itself is wanted. */
  anyCertificate?: boolean;
}

const mostBytes = 64 * 1024;
const defaultLimitMs = 5_000;

/** Gets a URL. Rejects with the error of the connection as Node gives it, or ETIMEDOUT. */
export function lookAt(
  url: string,
  { limitMs = defaultLimitMs, anyCertificate = false }: LookOptions = {},
): Promise<Look> {
  return new Promise((resolve, reject) => {
    const headers = { accept: 'application/json', 'user-agent': 'ratchet' };
    const signal = AbortSignal.timeout(limitMs);
    const options = { headers, agent: false as const, signal };
    const request = url.startsWith('https:')
      ? requestHttps(url, { ...options, rejectUnauthorized: !anyCertificate })
      : requestHttp(url, options);
    request.on('error', (error) => reject(signal.aborted ? tooLate(limitMs) : error));
    request.on('response', (response) => {
      const parts: Buffer[] = [];
      let size = 0;
      const done = (): void => {
        const { statusCode = 0, headers } = response;
        resolve(judge(statusCode, headers, Buffer.concat(parts).toString('utf8')));
      };
      response.on('data', (part: Buffer) => {
        parts.push(part);
        size += part.length;
        if (size <= mostBytes) return;
        done();
        request.destroy();
      });
      response.on('end', done);
      response.on('error', reject);
    });
    request.end();
  });
}

function judge(status: number, headers: Look['headers'], text: string): Look {
  const { 'content-type': type = '', date } = headers;
  const server = typeof date === 'string' ? Date.parse(date) : Number.NaN;
  return {
    status,
    headers,
    text,
    isJson: isJson(text),
    isWebPage: String(type).includes('text/html') || /^\s*<(!doctype|html)/i.test(text),
    aheadMs: Number.isNaN(server) ? null : server - Date.now(),
  };
}

function isJson(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null;
  } catch {
    return false;
  }
}

function tooLate(limitMs: number): Error {
  return Object.assign(new Error(`no answer within ${limitMs} ms`), { code: 'ETIMEDOUT' });
}
