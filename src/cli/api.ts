import type { Command } from 'commander';
import { startLean } from './lean-start.ts';

/** `ratchet api`: the gateway and the product API, in one process. */
export function registerApi(program: Command): void {
  program
    .command('api')
    .description('serve the gateway and the API (part of "up"; on its own in production)')
    .option('--lifeline', 'end when standard input closes')
    .action(async (options: { lifeline?: boolean }) => {
      startLean();
      // Each process loads only what its command runs: what it does not, costs memory for as long as it lives.
      const { runApi } = await import('./run-api.ts');
      const { loadCheckedConfig } = await import('./checked-config.ts');
      const lifeline = options.lifeline ?? false;
      // Who holds the lifeline has told already what is worth knowing.
      await runApi(await loadCheckedConfig(lifeline ? undefined : console.error), lifeline);
    });
}
