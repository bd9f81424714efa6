import type { Command } from 'commander';
import type { DemoOptions } from './demo.ts';

/** `ratchet demo`: sets everything up and goes once round the loop. */
export function registerDemo(program: Command): void {
  program
    .command('demo')
    .description('go once round the loop with a tiny model: chat, rate, train, evaluate, promote, chat')
    .option('--keep', 'leave everything running at the end, until Ctrl-C')
    .option('--clean', 'remove the workspaces of earlier runs, and do nothing else')
    .option('--json', 'print the figures as the last line; progress goes to standard error')
    .action(async (options: DemoOptions) => {
      const { demo } = await import('./demo.ts');
      await demo(options);
    });
}
