import { readFile, readdir } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expectTaken, importFiles, importFilesOf } from '../../../test/fixtures/imports/every.ts';
import {
  altered,
  exchangesIn,
  importFile,
  leftOutOf,
  readAll,
  readImportFile,
  sourceOf,
  torn,
} from '../../../test/fixtures/imports/reading.ts';
import type { Json } from '../../core/canonical.ts';
import { importers } from './all.ts';
import { chooseImporter } from './choose.ts';
import type { Importer } from './types.ts';

// Everything below goes over `importers`: one that is added is held against it, and fails until it has its fixtures.
const files = importers.flatMap((importer) =>
  importFilesOf(importer.format).map((name): [string, Importer, string] => [
    `${importer.format}/${name}`,
    importer,
    name,
  ]),
);

test('each format has a name of its own, and they stand by the alphabet', () => {
  const names = importers.map(({ format }) => format);
  expect(names).toEqual([...new Set(names)].sort());
});

describe('the fixtures', () => {
  test('are of the importers that there are, and each file is one', async () => {
    expect(Object.keys(importFiles).sort()).toEqual(importers.map(({ format }) => format));
    for (const [format, { real, malformed, apart = [] }] of Object.entries(importFiles)) {
      const there = await readdir(importFile(format));
      expect(there.sort()).toEqual([...real, ...malformed, ...apart].sort());
    }
  });

  test.each(importers)('$format: what its product writes is read', async (importer) => {
    for (const name of importFiles[importer.format]?.real ?? []) {
      const items = await readImportFile(importer, `${importer.format}/${name}`);
      expect(exchangesIn(items).length).toBeGreaterThan(0);
    }
  });

  test.each(importers)('$format: of what is malformed the good is read, and the rest named', async (importer) => {
    for (const name of importFiles[importer.format]?.malformed ?? []) {
      const items = await readImportFile(importer, `${importer.format}/${name}`);
      expect(exchangesIn(items).length).toBeGreaterThan(0);
      expect(leftOutOf(items).length).toBeGreaterThan(1);
    }
  });
});

/** These have the very shape of OpenAI's training files, so that somebody has to say what they are. */
const ambiguous = ['anythingllm/chats.jsonl', 'trl/messages.jsonl'];
const known = files.filter(([path]) => !ambiguous.includes(path));
test.each(known)('%s is known by its beginning', async (path, { format }, name) => {
  const chosen = await chooseImporter(importers, sourceOf(await readFile(importFile(path)), name));
  expect(chosen.format).toBe(format);
});

describe('whatever a file holds', () => {
  test.each(files)(
    'bytes of %s that are torn stop nothing',
    async (path, importer, name) => {
      const bytes = await readFile(importFile(path));
      await fc.assert(
        fc.asyncProperty(torn(bytes), async (content) => expectTaken(await readAll(importer, content, name))),
        // Each file of Parquet is read in a thread of its own, and one that never ends takes ten seconds.
        { numRuns: importer.format === 'parquet' ? 15 : 60 },
      );
    },
    90_000,
  );

  const texts = files.filter(([path]) => /\.jsonl?$/.test(path));
  test.each(texts)('values of %s that are others stop nothing', async (path, importer, name) => {
    const { value, textOf } = valuesOf(await readFile(importFile(path), 'utf8'));
    await fc.assert(
      fc.asyncProperty(altered(value), async (other) => expectTaken(await readAll(importer, textOf(other), name))),
      { numRuns: 150 },
    );
  });
});

interface Values {
  value: Json;
  /** The file again, of other values. */
  textOf: (value: Json) => string;
}

/** What a file holds that can be parsed: one value, or one on each line. */
function valuesOf(text: string): Values {
  const whole = parsed(text);
  if (whole !== undefined) return { value: whole, textOf: (value) => JSON.stringify(value) };
  const rows = text.split('\n').flatMap((line) => parsed(line) ?? []);
  return {
    value: rows,
    textOf: (value) =>
      [value]
        .flat()
        .map((row) => JSON.stringify(row))
        .join('\n'),
  };
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
