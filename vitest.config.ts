import { configDefaults, defineConfig } from 'vitest/config';

/** What is waited for takes as long as it takes on two busy cores; the limit only ends what never comes. */
const patient = { poll: { timeout: 20_000 } };

/** Projects that start Temporal, Ollama, Python or a browser, after the quick ones: a file waits most of its time. */
const heavy = ['integration', 'replay', 'chaos', 'e2e'].map((name) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    maxWorkers: 2,
    expect: patient,
    testTimeout: 300_000,
    hookTimeout: 300_000,
    sequence: { groupOrder: 2 },
  },
}));

export default defineConfig({
  test: {
    pool: 'forks',
    exclude: [...configDefaults.exclude, 'dist/**', 'scripts/litgpt/**'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.{ts,tsx}', 'scripts/*.test.ts', 'bench/**/*.test.ts'],
          maxWorkers: 2,
          expect: patient,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'contract',
          include: ['test/contract/**/*.test.ts'],
          maxWorkers: 2,
          expect: patient,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      ...heavy,
    ],
  },
});
