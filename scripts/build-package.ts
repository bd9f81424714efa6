// Compiles `src` to `dist`, because Node runs no TypeScript under node_modules: `npm run build`, and before `npm pack`.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../src/config.ts';
import { installed, runHere } from './steps.ts';

const dist = join(packageRoot, 'dist');
rmSync(dist, { recursive: true, force: true });
const args = ['-p', join(packageRoot, 'tsconfig.build.json')];
process.exitCode = await runHere({ command: installed('tsc'), args, cwd: packageRoot });
