import { parentPort, workerData } from 'node:worker_threads';
import type { Assembled } from '../assemble.ts';
import { createRowProcessor } from './process-row.ts';
import type { RowOptions } from './types.ts';

// Takes groups of rows through the row stages. An error ends the thread, and with it the build.

const processing = createRowProcessor(workerData as RowOptions);
parentPort?.on('message', (entries: readonly Assembled[]) => {
  void processing.then((process) => parentPort?.postMessage(entries.map(process)));
});
