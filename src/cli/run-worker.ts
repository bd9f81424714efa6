import { createActivities } from '../activities/create.ts';
import { taskQueues } from '../core/cycle.ts';
import { createLog } from '../telemetry/log.ts';
import { connectWorker, createGpuWorker, createMainWorker, installRuntime } from '../temporal/worker.ts';
import { openHouse } from '../workspace/house.ts';
import { loadCheckedConfig } from './checked-config.ts';
import { untilStopped } from './until-stopped.ts';

/** Runs workflows and steps from one task queue until it is stopped. */
export async function runWorker(queue: string, lifeline: boolean): Promise<void> {
  const config = await loadCheckedConfig();
  installRuntime();
  const house = await openHouse(config, createLog({ level: config.logLevel, name: 'worker' }));
  const connection = await connectWorker(config.temporal);
  const create = queue === taskQueues.gpu ? createGpuWorker : createMainWorker;
  const activities = createActivities(house.activities);
  const worker = await create({ connection, namespace: config.temporal.namespace, activities });
  void untilStopped(lifeline).then(() => worker.shutdown());
  await worker.run();
  await connection.close();
  await house.close();
}
