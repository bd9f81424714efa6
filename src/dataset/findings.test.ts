import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Findings, createRemembering, noNumber, readFindings, writeFindings } from './findings.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ratchet-findings-'));
  path = join(folder, 'it.findings');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const findings: Findings = {
  threshold: 0.8,
  shares: '0.1 0.1 s',
  labels: Uint8Array.of(0, 6, 255, 1, 4),
  nodes: Uint32Array.of(0, 1, noNumber, 1, 2),
  prompts: Uint32Array.of(0, 1, noNumber, 2, 3),
  closest: { a: 1, b: 4, jaccard: 0.79 },
  edges: Float64Array.of(9),
  pairs: Float64Array.of(1, 9, 13),
  similarities: Float64Array.of(0.9, -1, 0.81),
};

test('what is written is read again, for the same rows and threshold only', () => {
  writeFindings(path, 'these rows', findings);
  expect(readFindings(path, 'these rows', 0.8)).toEqual(findings);
  expect(readFindings(path, 'other rows', 0.8)).toBeNull();
  expect(readFindings(path, 'these rows', 0.81)).toBeNull();
  expect(readFindings(join(folder, 'none'), 'these rows', 0.8)).toBeNull();
});

test('a file of which any byte was changed, or the end is missing, counts as none', () => {
  writeFindings(path, 'these rows', findings);
  const bytes = readFileSync(path);
  for (let at = 0; at < bytes.length; at += 1) {
    writeFileSync(
      path,
      at % 2 === 0 ? bytes.map((byte, place) => (place === at ? byte ^ 4 : byte)) : bytes.subarray(0, at),
    );
    expect(readFindings(path, 'these rows', 0.8)).toBeNull();
  }
});

test('where somebody was forgotten meanwhile nothing is kept', () => {
  rmSync(folder, { recursive: true });
  writeFindings(path, 'these rows', findings);
  expect(readFindings(path, 'these rows', 0.8)).toBeNull();
});

test('of two rows that were compared before, what was found is said, and kept under their new places', () => {
  const asked: string[] = [];
  const compare = (a: number, b: number): number => {
    asked.push(`${a} ${b}`);
    return 0.5;
  };
  // Of five rows there were the third was taken away, and one came first.
  const former = [-1, 0, 1, 3, 4];
  const remembering = createRemembering(compare, {
    before: findings,
    placeOf: (document) => document,
    formerPlaceOf: (document) => former[document] ?? -1,
    rows: 5,
  });
  expect(remembering.similarity(2, 1, 0.8)).toBe(0.9);
  expect(remembering.similarity(2, 4, 0.8)).toBe(-1);
  expect(asked).toEqual([]);
  for (const [a, b] of [
    [0, 2],
    [1, 3],
    [0, 2],
  ] as const)
    expect(remembering.similarity(a, b, 0.8)).toBe(0.5);
  expect(asked).toEqual(['0 2', '1 3', '0 2']);
  expect(remembering.found()).toEqual({
    pairs: Float64Array.of(2, 1 * 5 + 2, 1 * 5 + 3, 2 * 5 + 4),
    similarities: Float64Array.of(0.5, 0.9, 0.5, -1),
  });
});
