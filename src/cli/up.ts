import type { Command } from 'commander';

/** `ratchet up`: everything on this machine, until Ctrl-C. */
export function registerUp(program: Command): void {
  program
    .command('up')
    .description('start Temporal, Ollama, the workers and the API; Ctrl-C stops what was started here and nothing else')
    .action(async () => {
      const { runUp } = await import('./run-up.ts');
      await runUp();
    });
}
