import { fileURLToPath } from 'node:url';
import { DefaultLogger, NativeConnection, Runtime, Worker, makeTelemetryFilterString } from '@temporalio/worker';
import type { BookkeepingActivities, StepActivities } from '../activities/types.ts';
import { taskQueues } from '../core/cycle.ts';
import type { TemporalAddress } from './connection.ts';
import { temporalUnavailable } from './unavailable.ts';

export interface WorkerOptions {
  connection: NativeConnection;
  namespace: string;
  activities: StepActivities & BookkeepingActivities;
}

/** The connection that workers poll through. Throws TemporalUnavailable. */
export async function connectWorker({ address }: Pick<TemporalAddress, 'address'>): Promise<NativeConnection> {
  return NativeConnection.connect({ address }).catch((error: unknown) => {
    throw temporalUnavailable(address, error);
  });
}

/** Workflows and every step that needs no GPU. */
export function createMainWorker({ connection, namespace, activities }: WorkerOptions): Promise<Worker> {
  return Worker.create({
    connection,
    namespace,
    taskQueue: taskQueues.main,
    workflowsPath: workflowsPath(),
    activities,
    maxHeartbeatThrottleInterval: '1s',
    defaultHeartbeatThrottleInterval: '1s',
    shutdownGraceTime: 0,
    shutdownForceTime: '30s',
  });
}

/** One GPU step at a time. On shutdown the trainer is told at once, and has time for its checkpoint. */
export function createGpuWorker({ connection, namespace, activities }: WorkerOptions): Promise<Worker> {
  return Worker.create({
    connection,
    namespace,
    taskQueue: taskQueues.gpu,
    activities: { train: activities.train, validate: activities.validate, import: activities.import },
    maxConcurrentActivityTaskExecutions: 1,
    maxHeartbeatThrottleInterval: '1s',
    defaultHeartbeatThrottleInterval: '1s',
    shutdownGraceTime: 0,
    shutdownForceTime: '90s',
  });
}

/** Once per process, before the first worker: quiet logs to standard error, and no signal handlers of the SDK's own. */
export function installRuntime(): void {
  Runtime.install({
    logger: new DefaultLogger('WARN'),
    shutdownSignals: [],
    telemetryOptions: { logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }) } },
  });
}

/** The file that Temporal bundles: TypeScript in a checkout, JavaScript in a package. */
export function workflowsPath(): string {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return fileURLToPath(new URL(`../workflows/index.${extension}`, import.meta.url));
}
