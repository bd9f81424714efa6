import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Context,
  DiagLogLevel,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer as OtelTracer,
  diag,
  isSpanContextValid,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import type { CallFacts } from '../gateway/ports.ts';
import { callAttributes, inferenceAttributes, operationName, routeOf } from './span-attributes.ts';
import type { CallTrace, Tracer, TracerOptions } from './tracer.ts';

/** How long spans that have not been sent may hold up the end of the process, in ms. */
const closingMs = 3_000;

/** A tracer that sends spans by OTLP over HTTP. Endpoint, headers, sampler, limits and resource are read by the SDK itself. */
export function createOtlpTracer({ version, log }: TracerOptions): Tracer {
  const warn = (message: string) => log.warn({ otel: message.slice(0, 500) }, 'traces could not be sent');
  diag.setLogger(
    { error: warn, warn, info() {}, debug() {}, verbose() {} },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const ours = resourceFromAttributes({ 'service.name': 'ratchet', 'service.version': version });
  const provider = new NodeTracerProvider({
    resource: defaultResource()
      .merge(ours)
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  const tracer = provider.getTracer('ratchet', version);
  let closing: Promise<void> | undefined;
  return {
    start: ({ traceparent }) => startTrace(tracer, parentContext(traceparent)),
    close() {
      closing ??= Promise.race([
        provider.shutdown().catch((error: unknown) => warn(String(error))),
        sleep(closingMs, undefined, { ref: false }),
      ]);
      return closing;
    },
  };
}

/**
 * A call is a server span; the question to the models under it is one client span through all its attempts, as the GenAI
 * conventions want it, and its context is what providers get. The wait for the commit is a third.
 */
function startTrace(tracer: OtelTracer, parent: Context): CallTrace {
  const startTime = performance.timeOrigin + performance.now();
  const call = tracer.startSpan('call', { kind: SpanKind.SERVER, startTime }, parent);
  const inCall = trace.setSpan(parent, call);
  const inference = tracer.startSpan('inference', { kind: SpanKind.CLIENT, startTime }, inCall);
  return {
    traceId: call.spanContext().traceId,
    upstreamHeaders: { traceparent: formatTraceparent(inference) },
    end(facts) {
      const endedAt = startTime + facts.durationMs;
      const askedUntil = endedAt - (facts.commitMs ?? 0);
      if (facts.provider !== null) {
        endAttempts(tracer, trace.setSpan(inCall, inference), facts, startTime);
        endInference(inference, facts, askedUntil);
      }
      if (facts.commitMs !== null) tracer.startSpan('commit', { startTime: askedUntil }, inCall).end(endedAt);
      endCall(call, facts, endedAt);
    },
  };
}

function endAttempts(tracer: OtelTracer, inInference: Context, { attempts, kind }: CallFacts, startTime: number): void {
  let at = startTime;
  for (const { provider, model, code, durationMs = 0 } of attempts) {
    const span = tracer.startSpan(
      `${operationName(kind)} ${model}`,
      {
        kind: SpanKind.CLIENT,
        startTime: at,
        attributes: {
          'gen_ai.operation.name': operationName(kind),
          'gen_ai.provider.name': provider,
          'gen_ai.request.model': model,
          'error.type': code,
        },
      },
      inInference,
    );
    at += durationMs;
    span.setStatus({ code: SpanStatusCode.ERROR, message: code }).end(at);
  }
}

function endInference(span: Span, facts: CallFacts, at: number): void {
  span.updateName(`${operationName(facts.kind)} ${facts.model ?? facts.asked}`.slice(0, 200));
  span.setAttributes(inferenceAttributes(facts));
  endWithState(span, facts, at);
}

function endCall(span: Span, facts: CallFacts, at: number): void {
  span.updateName(`POST ${routeOf(facts.kind)}`);
  span.setAttributes(callAttributes(facts));
  endWithState(span, facts, at);
}

function endWithState(span: Span, { code, state }: CallFacts, at: number): void {
  if (code !== null) span.setAttribute('error.type', code);
  if (state === 'failed') span.setStatus({ code: SpanStatusCode.ERROR, ...(code !== null && { message: code }) });
  span.end(at);
}

function parentContext(traceparent: string | undefined): Context {
  const [, version, traceId = '', spanId = '', flags = ''] =
    /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})$/.exec(traceparent ?? '') ?? [];
  const parent = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true };
  if (version === 'ff' || !isSpanContextValid(parent)) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, parent);
}

function formatTraceparent(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}
