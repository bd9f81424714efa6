import { type Command, Option } from 'commander';
import { loadConfig } from '../config.ts';
import { ensureParts, partsFor } from '../setup/ensure.ts';
import { stopSignal } from './until-stopped.ts';

/** What the parts are for: running Ratchet, or also testing it. */
export function purposeOption(): Option {
  return new Option('--for <purpose>', 'what to look for').choices(['run', 'test']).default('run');
}

/** `ratchet setup`: says what is missing and how long it takes, then gets it. Ctrl-C stops it; it can be run again. */
export function registerSetup(program: Command): void {
  program
    .command('setup')
    .description('find, download or build Temporal, Ollama and Python with LitGPT')
    .addOption(purposeOption())
    .option('--json', 'print the parts as one JSON object; progress goes to standard error')
    .action(async (options: { for: 'run' | 'test'; json?: boolean }) => {
      const tell = options.json ? console.error : console.log;
      const wanted = { config: loadConfig(), signal: stopSignal(), onProgress: tell };
      const found = await ensureParts(partsFor[options.for], wanted);
      if (options.json) {
        console.log(JSON.stringify(found, null, 2));
        return;
      }
      for (const [name, { version, source, path }] of Object.entries(found)) {
        console.log(`${name.padEnd(10)} ${version} (${source}) ${path}`);
      }
    });
}
