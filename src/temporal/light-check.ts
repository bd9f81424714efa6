import { type ClientHttp2Session, connect } from 'node:http2';
import { temporalUnavailable } from './unavailable.ts';

/** gRPC's own health check, `grpc.health.v1.Health/Check`, of the service that workflows are started by. */
const path = '/grpc.health.v1.Health/Check';
const service = Buffer.from('temporal.api.workflowservice.v1.WorkflowService');

/** A message of one text field, with gRPC's five bytes before it: not compressed, and how long it is. */
const question = ((): Buffer => {
  const message = Buffer.concat([Buffer.from([0x0a, service.length]), service]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
})();

/** The message `{status: SERVING}`. */
const serving = Buffer.from([0x08, 0x01]);

/**
 * Whether a Temporal server answers at an address, without its client, whose protocol buffers take 50 MB. TemporalUnavailable
 * when none does, or it does not serve.
 */
export async function lightCheck(address: string, ms = 4_000): Promise<void> {
  const session = connect(`http://${address}`);
  try {
    const answer = await ask(session, ms);
    if (!answer.subarray(5).equals(serving)) throw new Error('it does not serve yet');
  } catch (error) {
    throw temporalUnavailable(address, error);
  } finally {
    session.destroy();
  }
}

function ask(session: ClientHttp2Session, ms: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
    const fail = (error: unknown): void => {
      clearTimeout(timer);
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    session.on('error', fail);
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const parts: Buffer[] = [];
    stream.on('error', fail);
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('end', () => {
      clearTimeout(timer);
      resolve(Buffer.concat(parts));
    });
    stream.end(question);
  });
}
