import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openStore } from '../../src/store/open.ts';
import { chat, user } from './chat-samples.ts';

const disk = mountSmallDisk();
afterAll(() => {
  if (!disk) return;
  execFileSync('umount', [disk]);
  rmdirSync(disk);
});

test.skipIf(!disk)(
  'on a full disk writes are refused, nothing recorded is lost, and space lets them go on',
  async () => {
    const dataDir = join(disk ?? '', 'data');
    const store = await openStore({ dataDir });
    writeFileSync(join(disk ?? '', 'ballast'), Buffer.alloc(400_000));
    const recorded: string[] = [];
    const refused: unknown[] = [];
    for (let n = 0; n < 300 && refused.length === 0; n += 1) {
      const both = [chat(store, [user(`a${n} ${'x'.repeat(5000)}`)], 'ok'), chat(store, [user(`b${n}`)], 'ok')];
      for (const result of await Promise.allSettled(both)) {
        if (result.status === 'fulfilled') recorded.push(result.value.id);
        else refused.push(result.reason);
      }
    }
    expect(recorded.length).toBeGreaterThan(5);
    for (const error of refused) expect(error).toMatchObject({ code: 'DiskFull' });
    await expect(store.blobs.put(Buffer.alloc(4_000_000))).rejects.toMatchObject({ code: 'DiskFull' });
    rmSync(join(disk ?? '', 'ballast'));
    recorded.push((await chat(store, [user('after')], 'ok')).id);
    for (const id of recorded) expect((await store.chats.get(id))?.state).toBe('complete');
    await store.check();
    await store.close();
  },
);

/** A disk of 2 MB in memory, where this process may mount one. */
function mountSmallDisk(): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return null;
  const folder = mkdtempSync(join(tmpdir(), 'ratchet-small-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder], { stdio: 'ignore' });
    return folder;
  } catch {
    rmdirSync(folder);
    return null;
  }
}
