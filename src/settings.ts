import { RatchetError, asRatchetError } from './core/errors.ts';
import {
  type Settings,
  type SettingsCheck,
  type SettingsDefaults,
  parseSettings,
  settingsWithout,
} from './core/settings.ts';
import { type FileLook, watchFile } from './watched-file.ts';

/** The settings file as one process sees it. */
export interface SettingsReader {
  /** Path of the file, whether it is there or not. */
  readonly file: string;
  /** What is in force. Synchronous and cheap: the file is looked at no more than ten times a second. */
  current(): Settings;
  /** Why the file as it is now is not in force, in one sentence; null when it is. */
  fault(): string | null;
}

export interface SettingsLog {
  info(facts: Record<string, unknown>, message: string): void;
  warn(facts: Record<string, unknown>, message: string): void;
}

export interface SettingsOptions {
  file: string;
  log: SettingsLog;
  /** What holds where the file says nothing. */
  defaults?: SettingsDefaults;
  /** What else is wrong with the file. */
  check?: SettingsCheck;
  /** A clock in ms that never goes back. */
  now?: () => number;
}

const lookEveryMs = 100;

/**
 * Reads `ratchet.json` now, and again whenever it has changed. Later faults keep the last good settings in force: a file
 * that somebody is just writing, or has removed, must not make the gateway keep or send what it was told not to.
 *
 * Throws InvalidInput, which names every fault, when the file is bad at the start.
 */
export function createSettings({ file, log, defaults = {}, check, now }: SettingsOptions): SettingsReader {
  const read = (look: FileLook): Settings => settingsIn(look, file, defaults, check);
  const watched = watchFile({ file, everyMs: lookEveryMs, ...(now && { now }) });
  const first = watched.news();
  let settings = first === null || isMissing(first) ? settingsWithout(defaults) : read(first);
  let fault: string | null = null;

  function look(): void {
    const news = watched.news();
    if (!news) return;
    try {
      settings = read(news);
      fault = null;
      log.info({ file }, 'the settings have changed');
    } catch (error) {
      const found = `${asRatchetError(error).message} Until then what it said before stays in force.`;
      if (found !== fault) log.warn({ file, fault: found }, 'the settings file is not in force');
      fault = found;
    }
  }

  return {
    file,
    current() {
      look();
      return settings;
    },
    fault() {
      watched.expectNews();
      look();
      return fault;
    },
  };
}

function settingsIn(look: FileLook, file: string, defaults: SettingsDefaults, check?: SettingsCheck): Settings {
  if ('error' in look) {
    const reason = look.error instanceof Error ? look.error.message : String(look.error);
    throw new RatchetError('InvalidInput', `${file} cannot be read (${reason}): mend that.`, { cause: look.error });
  }
  if (look.bytes === null) {
    throw new RatchetError('InvalidInput', `${file} is gone: put it back, or write {} into it for the defaults.`);
  }
  return parseSettings(look.bytes.toString('utf8'), file, defaults, check);
}

function isMissing(look: FileLook): boolean {
  return 'bytes' in look && look.bytes === null;
}
