import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { measureImport } from '../fixtures/imports/measured-import.ts';

test('the command and the API hold a part of a file only, and every item arrives: the soak of 2 GB in small', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ratchet-import-big-'));
  try {
    const { file, report, recorded, command, api } = await measureImport('csv', 8 * 2 ** 20, { folder });
    expect(file.records).toBeGreaterThan(400);
    const { chats, feedback } = file;
    expect(report).toMatchObject({ chats: { written: chats }, feedback: { written: feedback }, left_out: {} });
    expect(recorded).toEqual({ chats, feedback });
    // Without a file it is 120 MiB and 190 MiB.
    for (const { peak } of [command, api]) {
      expect(peak).toBeGreaterThan(50);
      expect(peak).toBeLessThan(350);
    }
    const left = await readdir(folder);
    expect(left).not.toContain('large-csv.csv');
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
});
