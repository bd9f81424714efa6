import { type Command, Option } from 'commander';
import { taskQueues } from '../core/cycle.ts';

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
    .action(async (options: { queue: string; lifeline?: boolean }) => {
      const { runWorker } = await import('./run-worker.ts');
      await runWorker(options.queue, options.lifeline ?? false);
    });
}
