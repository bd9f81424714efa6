import { RatchetError } from './errors.ts';

/** One setting that is not as it should be. */
export interface SettingFault {
  /** Nothing starts with a `fault`; a `warning` should be known. */
  level: 'fault' | 'warning';
  /** Path of the file, or `environment`. */
  file: string;
  /** Where in it: the name of a variable, the path of a field, `line 3`. Empty for the whole file. */
  place: string;
  /** A clause that says what to do; it never quotes a secret. */
  message: string;
}

/** A fault in one line. */
export function tellFault({ file, place, message }: SettingFault): string {
  return [file, place, message].filter((part) => part !== '').join(': ');
}

/** One error that names every fault; each has a line of its own where there are several. */
export function faultsError(faults: readonly SettingFault[]): RatchetError {
  const lines = faults.map(tellFault);
  const message =
    lines.length === 1
      ? `Correct this setting, then start again: ${lines.join('')}.`
      : `Correct these ${lines.length} settings, then start again:\n${lines.map((line) => `  ${line}`).join('\n')}`;
  return new RatchetError('InvalidInput', message, { details: { faults } });
}

/** The faults that an error of {@link faultsError} or of a settings file names; null when it names none. */
export function faultsIn(error: unknown): readonly string[] | null {
  if (!(error instanceof RatchetError)) return null;
  const { faults } = error.details;
  return Array.isArray(faults) && faults.every((fault) => typeof fault === 'string') ? faults : null;
}
