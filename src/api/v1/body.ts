import type { IncomingMessage } from 'node:http';
import { RatchetError } from '../../core/errors.ts';

/** The largest body of a request, in bytes. */
export const largestBody = 32 * 2 ** 20;
/** How long a client may go on sending what is not read any more, so that it gets to read why, in ms. */
export const drainMs = 5_000;

/** Reads the body of a request as UTF-8. InvalidInput with 413 as soon as it is known to be too large. */
export function readText(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const encoding = request.headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') {
      return refuse(request, reject, 415, `A body in ${encoding.slice(0, 50)} is not read: send it as plain JSON.`);
    }
    if (Number(request.headers['content-length'] ?? 0) > largestBody) return refuse(request, reject, 413, tooLarge);
    const parts: Buffer[] = [];
    let size = 0;
    const take = (part: Buffer): void => {
      size += part.byteLength;
      parts.push(part);
      if (size <= largestBody) return;
      request.off('data', take);
      refuse(request, reject, 413, tooLarge);
    };
    request.on('data', take);
    request.on('end', () => resolve(textOf(parts)));
    request.on('error', (cause) => {
      reject(new RatchetError('Cancelled', 'The client went away before its request was whole.', { cause }));
    });
  });
}

const tooLarge = 'The body is larger than 32 MB: send less at a time.';

function refuse(request: IncomingMessage, reject: (error: RatchetError) => void, status: number, why: string): void {
  reject(new RatchetError('InvalidInput', why, { details: { httpStatus: status } }));
  request.on('error', () => undefined);
  request.resume();
  const timer = setTimeout(() => request.socket.destroy(), drainMs);
  request.on('close', () => clearTimeout(timer));
}

function textOf(parts: readonly Buffer[]): string {
  const [first] = parts;
  const bytes = parts.length === 1 && first ? first : Buffer.concat(parts);
  const text = bytes.toString('utf8');
  // A byte order mark, which is no JSON.
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}
