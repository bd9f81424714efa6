import { RatchetError } from '../../core/errors.ts';
import { headOf } from './source.ts';
import type { ImportSource, Importer } from './types.ts';

/** The importer of a format, or of what a file looks like. InvalidInput names the formats. */
export async function chooseImporter(
  importers: readonly Importer[],
  source: ImportSource,
  format?: string,
): Promise<Importer> {
  const names = importers.map((one) => one.format).join(', ');
  if (format !== undefined) {
    const named = importers.find((one) => one.format === format);
    if (named) return named;
    throw new RatchetError('InvalidInput', `There is no format "${format}": use one of ${names}.`);
  }
  const head = await headOf(source);
  const found = importers.filter((one) => one.recognises(head));
  const [only] = found;
  if (only && found.length === 1) return only;
  const what = only ? `could be ${found.map((one) => one.format).join(' or ')}` : 'is of no format that is known';
  throw new RatchetError('InvalidInput', `${source.name} ${what}: say it with --format, one of ${names}.`);
}
