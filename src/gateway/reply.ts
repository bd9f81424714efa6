import { type JsonObject, isObject } from '../core/canonical.ts';
import { RatchetError, asRatchetError } from '../core/errors.ts';
import { readBody } from '../providers/http.ts';
import type { ProviderAnswer } from '../providers/types.ts';
import { choicesOf, createCollector } from './collect.ts';
import { type Answer, type GatewayLog, type Recorder, storeError } from './recorder.ts';
import type { ChatRequest } from './request.ts';
import type { Route } from './resolve.ts';
import { streamFrames } from './stream.ts';

/** A completion whose request is recorded. */
export interface Begun {
  request: ChatRequest;
  route: Route;
  id: string;
  conversationId: string;
  /** Aborted when the client goes away. */
  client: AbortSignal;
  /** Aborting it ends the provider's call. */
  abort: AbortController;
  log: GatewayLog;
  /** Makes the one recorder of this completion, which asks what is known of the answer whenever it writes. */
  record: (known: () => Answer) => Recorder;
}

const answerLimit = 64 * 2 ** 20;

/** Records that there was no answer, and throws why. */
export async function refuse(begun: Begun, reason: unknown, recorder?: Recorder): Promise<never> {
  const error = asRatchetError(reason);
  const writer = recorder ?? begun.record(() => ({ choices: [], response: null }));
  await writer.finish(error.code === 'Cancelled' ? 'interrupted' : 'failed', error).catch(unrecorded(begun));
  const details = { ...error.details, completionId: begun.id };
  throw new RatchetError(error.code, error.message, { cause: error, details });
}

/** Reads a provider's whole answer; the text is for the client once its record is durable. */
export async function wholeReply(begun: Begun, got: ProviderAnswer): Promise<string> {
  let known: Answer = { choices: [], response: null };
  const recorder = begun.record(() => known);
  const { name } = begun.route.provider;
  const response = await readAnswer(got, name).catch((error: unknown) => refuse(begun, error, recorder));
  const { choices: _choices, ...fields } = response;
  const choices = choicesOf(response);
  if (!choices) return refuse(begun, malformed(name, 'answered without choices'), recorder);
  known = { choices, response: fields };
  recorder.first();
  await recorder.finish('complete').catch((error: unknown) => {
    throw storeError(error);
  });
  return JSON.stringify({ ...response, id: begun.id });
}

/** A provider's stream for the client, recorded as it passes. */
export function streamReply(begun: Begun, got: ProviderAnswer, hidesUsage: boolean): ReadableStream<Uint8Array> {
  const collector = createCollector();
  const recorder = begun.record(() => ({ choices: collector.choices(), response: collector.response() }));
  const gone = new AbortController();
  const closeUpstream = (): void => begun.abort.abort();
  const frames = streamFrames({
    provider: begun.route.provider.name,
    body: got.body,
    collector,
    recorder,
    choices: begun.request.choices,
    hidesUsage,
    gone: gone.signal,
    closeUpstream,
  });
  const stop = async (): Promise<void> => {
    gone.abort();
    closeUpstream();
    await frames.return(undefined);
    const reason = new RatchetError('Cancelled', 'The client went away before the answer was whole.');
    await recorder.finish('interrupted', reason).catch(unrecorded(begun));
  };
  if (begun.client.aborted) void stop();
  else begun.client.addEventListener('abort', () => void stop(), { once: true });
  return toStream(frames, stop);
}

/** Whether an answer came whole although a stream was asked for. */
export function isWhole(got: ProviderAnswer): boolean {
  return got.headers['content-type']?.startsWith('application/json') ?? false;
}

async function readAnswer(got: ProviderAnswer, provider: string): Promise<JsonObject> {
  const text = await readBody(got.body, answerLimit).catch((error: unknown) => {
    throw error instanceof RangeError ? malformed(provider, 'answered with too much', error) : error;
  });
  try {
    const parsed: unknown = JSON.parse(text);
    if (isObject(parsed)) return parsed;
  } catch (error) {
    throw malformed(provider, 'did not answer with JSON', error);
  }
  throw malformed(provider, 'did not answer with a JSON object');
}

function malformed(provider: string, problem: string, cause?: unknown): RatchetError {
  const message = `${provider} ${problem}: check that it speaks the OpenAI wire format.`;
  return new RatchetError('ProviderUnavailable', message, { cause, details: { provider } });
}

/** What is done when an outcome that is no answer cannot be written: the sweep of open completions finds it later. */
function unrecorded({ id, log }: Begun): (error: unknown) => void {
  return (error) => {
    log.warn({ completion: id, code: asRatchetError(error).code }, 'the outcome of a completion could not be recorded');
  };
}

/** A stream that asks for a frame only when the client took the last one. */
function toStream(frames: AsyncGenerator<string>, stop: () => Promise<void>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await frames.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(value));
      },
      cancel: stop,
    },
    { highWaterMark: 0 },
  );
}
