import { ensureParts } from '../setup/ensure.ts';
import { startWorkspace } from '../workspace/workspace.ts';
import { loadCheckedConfig } from './checked-config.ts';
import { stopSignal, untilAborted } from './until-stopped.ts';

/** Starts everything on this machine and stops it on Ctrl-C. */
export async function runUp(): Promise<void> {
  const config = await loadCheckedConfig(tell);
  const signal = stopSignal();
  const tools = await ensureParts(['temporal', 'ollama', 'python'], { config, signal, onProgress: tell });
  const workspace = await startWorkspace({ config, tools, onProgress: tell });
  tell('');
  tell('Ratchet is up.');
  tell(`  API and gateway  ${workspace.api}  (OpenAI clients: ${workspace.api}/v1)`);
  tell(`  Temporal UI      ${workspace.temporalUi}/namespaces/${config.temporal.namespace}/workflows`);
  tell(`  Data             ${config.dataDir}`);
  tell('  Next             ratchet base use tiny-support, ratchet chat, ratchet rate, ratchet cycle start --help');
  tell('Ctrl-C stops all that was started here.');
  await untilAborted(signal);
  tell('Stopping …');
  await workspace.stop();
}

function tell(line: string): void {
  console.log(line);
}
