import type { CallFacts } from '../gateway/ports.ts';

/** Writes a trace of each call. */
export interface Tracer {
  start(call: { requestId: string; traceparent: string | undefined }): CallTrace;
  /** Sends what has not been sent, for a few seconds at most. Idempotent. */
  close(): Promise<void>;
}

export interface CallTrace {
  readonly traceId: string;
  readonly upstreamHeaders: Readonly<Record<string, string>>;
  end(facts: CallFacts): void;
}

export interface TracerOptions {
  version: string;
  /** Where it is told that traces could not be sent. */
  log: { warn(facts: Record<string, unknown>, message: string): void };
}

/**
 * The tracer that the standard `OTEL_…` variables ask for. OpenTelemetry's code is loaded here and nowhere else: it takes
 * some 10 MB, which nobody should pay who wants no traces.
 */
export async function loadTracer(options: TracerOptions): Promise<Tracer> {
  const { createOtlpTracer } = await import('./otlp-tracer.ts');
  return createOtlpTracer(options);
}
