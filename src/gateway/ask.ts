import { RatchetError, asRatchetError } from '../core/errors.ts';
import { type Body, createBody } from '../providers/body.ts';
import type { ProviderAnswer } from '../providers/types.ts';
import { type WholeAnswer, isWhole, readWhole } from './answer.ts';
import type { AttemptFacts, Call, Operation } from './ports.ts';
import type { Route } from './resolve.ts';
import { endedEarly } from './stream.ts';

/**
 * What a provider gave: a stream whose head is there, with its first piece where another could be asked instead; or an
 * answer that came whole.
 */
export type Asked =
  | { kind: 'stream'; answer: ProviderAnswer; hidesUsage: boolean }
  | { kind: 'whole'; whole: WholeAnswer };

export interface AskOptions {
  operation: Operation;
  call: Call;
  /** In the order in which they are asked. */
  targets: readonly Route[];
  signal: AbortSignal;
  headers: Readonly<Record<string, string>>;
  /** Told before each is asked. */
  asking: (target: Route) => void;
  /** Told when one failed and another is asked. */
  failed: (attempt: AttemptFacts) => void;
}

const passedOver: readonly string[] = ['ProviderUnavailable', 'RateLimited', 'OutOfMemory'];

/**
 * Asks one target after the other until one answers. The first call is on its way when this returns. Another is asked only
 * where the one before could not help it: an answer that refuses the request is passed on.
 */
export async function askInOrder(options: AskOptions): Promise<Asked> {
  const { targets, signal, asking, failed } = options;
  for (const [at, target] of targets.entries()) {
    const start = performance.now();
    asking(target);
    try {
      return await ask(options, target, at === targets.length - 1);
    } catch (thrown) {
      const error = asRatchetError(thrown);
      if (at === targets.length - 1 || signal.aborted || !passedOver.includes(error.code)) throw error;
      const { provider, model } = target;
      failed({ provider: provider.name, model, code: error.code, durationMs: performance.now() - start });
    }
  }
  throw new RatchetError('Bug', 'A plan has no model to ask.');
}

async function ask({ operation, call, signal, headers }: AskOptions, target: Route, isLast: boolean): Promise<Asked> {
  const { provider, model, apiKey } = target;
  const hidesUsage = call.stream && provider.reportsUsage && !call.asksUsage;
  const { limitField } = provider;
  const body = call.upstream(model, { addUsage: hidesUsage, ...(limitField && { limitField }) });
  const answer = await provider.call(operation.endpoint, body, {
    signal,
    model,
    headers,
    ...(apiKey !== undefined && { apiKey }),
  });
  if (call.stream && !isWhole(answer)) {
    const body = isLast ? answer.body : await begun(answer.body, provider.name);
    return { kind: 'stream', answer: { ...answer, body }, hidesUsage };
  }
  return { kind: 'whole', whole: await readWhole(call, answer, provider.name) };
}

/** The same body, when its first piece is there: as long as nothing came, another target can still answer. */
function begun(body: Body, provider: string): Promise<Body> {
  return new Promise((resolve, reject) => {
    const held = createBody({
      pause: () => body.pause(),
      resume: () => body.resume(),
      abort: () => body.cancel(),
    });
    body.read({
      piece(bytes) {
        held.push(bytes);
        resolve(held.body);
      },
      end() {
        held.end();
        reject(endedEarly(provider));
      },
      fail(error) {
        held.fail(error);
        reject(asRatchetError(error));
      },
    });
  });
}
