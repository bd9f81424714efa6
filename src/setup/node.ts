import type { Part } from './part.ts';

/** Always there: nothing of ours runs on another. */
export const nodePart: Part = {
  name: 'node',
  title: 'Node.js',
  async find() {
    const source = process.execPath.includes('node_modules') ? 'bundled' : 'path';
    return { state: 'ok', part: { path: process.execPath, version: process.versions.node, source } };
  },
  route: async () => ({ how: 'it comes with the package', minutes: 0, megabytes: 0 }),
  make: async () => ({ path: process.execPath, version: process.versions.node, source: 'bundled' }),
};
