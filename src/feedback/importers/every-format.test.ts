import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expectTaken, importFiles } from '../../../test/fixtures/imports/every.ts';
import { altered, importFile, readAll, sourceOf, torn } from '../../../test/fixtures/imports/reading.ts';
import type { Json } from '../../core/canonical.ts';
import { importers } from './all.ts';
import { chooseImporter } from './choose.ts';
import type { Importer } from './types.ts';

const files = Object.entries(importFiles).flatMap(([format, names]) =>
  names.map((name): [string, string, string] => [`${format}/${name}`, format, name]),
);

function importerOf(format: string): Importer {
  const found = importers.find((one) => one.format === format);
  if (!found) throw new Error(`There is no importer of ${format}.`);
  return found;
}

test('each format has a name of its own, and they stand by the alphabet', () => {
  const names = importers.map(({ format }) => format);
  expect(names).toEqual([...new Set(names)].sort());
});

test.each(files)('%s is known by its beginning', async (path, format, name) => {
  const chosen = await chooseImporter(importers, sourceOf(await readFile(importFile(path)), name));
  expect(chosen.format).toBe(format);
});

describe('whatever a file holds', () => {
  test.each(files)('bytes of %s that are torn stop nothing', async (path, format, name) => {
    const bytes = await readFile(importFile(path));
    const importer = importerOf(format);
    await fc.assert(
      fc.asyncProperty(torn(bytes), async (content) => expectTaken(await readAll(importer, content, name))),
      { numRuns: 60 },
    );
  });

  const texts = files.filter(([path]) => /\.jsonl?$/.test(path));
  test.each(texts)('values of %s that are others stop nothing', async (path, format, name) => {
    const rows = rowsOf(await readFile(importFile(path), 'utf8'));
    const importer = importerOf(format);
    await fc.assert(
      fc.asyncProperty(altered(rows), async (content) => {
        const lines = Array.isArray(content) ? content : [content];
        expectTaken(await readAll(importer, lines.map((line) => JSON.stringify(line)).join('\n'), name));
      }),
      { numRuns: 150 },
    );
  });
});

/** The rows of a file that can be parsed. */
function rowsOf(text: string): Json {
  if (text.startsWith('[')) return JSON.parse(text) as Json;
  return text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as Json];
    } catch {
      return [];
    }
  });
}
