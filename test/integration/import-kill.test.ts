import { expect, test } from 'vitest';
import { importThroughKills } from '../fixtures/imports/killed-import.ts';
import type { LargeFormat } from '../fixtures/imports/large-files.ts';

test.each<LargeFormat>(['open-webui', 'openai-sft'])(
  '%s: kill -9 of the command, of the API and of both in an import; begun again it is there once',
  async (format) => {
    const { kills, midway, file, said, last, recorded, apart, sound } = await importThroughKills(
      format,
      6 * 2 ** 20,
      5,
    );
    expect(midway).toBe(kills);
    expect(recorded).toEqual({ chats: file.chats, feedback: file.feedback });
    expect(apart).toEqual([]);
    expect(last.chats.known).toBeGreaterThan(0);
    expect(last.chats.written + last.chats.known).toBe(file.chats);
    expect(last.feedback.written + last.feedback.known).toBe(file.feedback);
    expect(sound).toBe(true);
    expect(said).toHaveLength(2);
    for (const words of said)
      expect(words).toMatch(/^ratchet: .* ended after \d+ chats: repeat it, and it goes on from there\.\n$/);
  },
);
