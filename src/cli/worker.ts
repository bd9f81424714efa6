import { type Command, Option } from 'commander';
import { createActivities } from '../activities/create.ts';
import { loadConfig } from '../config.ts';
import { taskQueues } from '../core/cycle.ts';
import { connectWorker } from '../temporal/connection.ts';
import { createGpuWorker, createMainWorker, installRuntime } from '../temporal/worker.ts';
import { openHouse } from '../workspace/house.ts';
import { untilStopped } from './until-stopped.ts';

/** `ratchet worker`: runs workflows and steps from one task queue. */
export function registerWorker(program: Command): void {
  program
    .command('worker')
    .description('run steps from a task queue (part of "up"; on its own in production)')
    .addOption(
      new Option('--queue <name>', 'ratchet-gpu takes one GPU step at a time')
        .choices(Object.values(taskQueues))
        .default(taskQueues.main),
    )
    .option('--lifeline', 'end when standard input closes')
    .action((options: { queue: string; lifeline?: boolean }) => runWorker(options.queue, options.lifeline ?? false));
}

async function runWorker(queue: string, lifeline: boolean): Promise<void> {
  const config = loadConfig();
  installRuntime();
  const house = await openHouse(config);
  const connection = await connectWorker(config.temporal);
  const create = queue === taskQueues.gpu ? createGpuWorker : createMainWorker;
  const activities = createActivities(house.activities);
  const worker = await create({ connection, namespace: config.temporal.namespace, activities });
  void untilStopped(lifeline).then(() => worker.shutdown());
  await worker.run();
  await connection.close();
  await house.close();
}
