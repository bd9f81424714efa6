import { join } from 'node:path';
import { loadConfig } from '../../config.ts';
import { ensureParts } from '../../setup/ensure.ts';
import { startWorkspace } from '../../workspace/workspace.ts';
import { stopSignal, untilAborted } from '../until-stopped.ts';
import { createPrinter } from '../watch.ts';
import { cleanPlaces, createPlace } from './place.ts';
import { describeReport } from './report.ts';
import { runDemo } from './run.ts';

export interface DemoOptions {
  keep?: boolean;
  clean?: boolean;
  json?: boolean;
}

/** Sets everything up, goes once round the loop, and says what came of it. */
export async function demo(options: DemoOptions): Promise<void> {
  // The command began when this process did.
  const startedAt = performance.timeOrigin;
  if (options.clean) {
    console.log(`${await cleanPlaces()} demo workspaces were removed.`);
    return;
  }
  const print = createPrinter(options.json ? process.stderr : process.stdout);
  const tell = (line: string) => print(line, false);
  const signal = stopSignal();
  const tools = await ensureParts(['temporal', 'ollama', 'python'], { config: loadConfig(), signal, onProgress: tell });
  const { config, folder } = await createPlace();
  tell(`Workspace ${folder}`);
  const workspace = await startWorkspace({ config, tools, ollamaModels: join(folder, 'ollama'), onProgress: tell });
  try {
    const done = await Promise.race([runDemo(workspace, print, startedAt), untilAborted(signal)]);
    if (!done) {
      process.exitCode = 130;
      return;
    }
    for (const line of describeReport(done.report, done.samples)) tell(line);
    tell(
      `  API ${workspace.api}   Temporal UI ${workspace.temporalUi}/namespaces/${config.temporal.namespace}/workflows`,
    );
    if (options.keep) {
      tell('  Everything stays up until Ctrl-C.');
      if (options.json) console.log(JSON.stringify(done.report));
      await untilAborted(signal);
      return;
    }
    tell('  Run it with --keep to look around; "npm run demo -- --clean" removes what it left.');
    if (options.json) console.log(JSON.stringify(done.report));
  } finally {
    await workspace.stop();
  }
}
