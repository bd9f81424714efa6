// The upstream that all contenders share: a lean server that speaks the OpenAI wire format. Its first line of output is its
// port. `PUT /think/20` lets it think for 20 ms before the first byte of every later answer, `PUT /pace/50` lets 50 ms pass
// between the frames of a stream.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerText, streamFrames } from './wire.ts';

const settings: Record<string, number> = { think: 0, pace: 0 };

const server = createServer((request, response) => {
  if (request.method === 'PUT') {
    const [, name = '', value] = request.url?.split('/') ?? [];
    settings[name] = Number(value);
    response.end();
    return;
  }
  if (request.method === 'GET') response.end('{"object":"list","data":[{"id":"tiny","object":"model"}]}');
  else void takeChat(request, response);
});
server.keepAliveTimeout = 600_000;
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
process.stdin.resume().on('end', () => process.exit());

async function takeChat(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const { stream } = JSON.parse(Buffer.concat(parts).toString('utf8')) as { stream?: boolean };
  const answer = () => (stream === true ? sendStream(response) : sendWhole(response));
  if (settings.think) setTimeout(answer, settings.think);
  else answer();
}

function sendWhole(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(answerText) });
  response.end(answerText);
}

/** A frame for each turn of the event loop, or more slowly: as tokens come, one by one. */
function sendStream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  let at = 0;
  const next = (): void => {
    const frame = streamFrames[at];
    at += 1;
    if (frame === undefined) return void response.end();
    response.write(frame);
    if (settings.pace) setTimeout(next, settings.pace);
    else setImmediate(next);
  };
  next();
}
