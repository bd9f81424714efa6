import { openWebui } from './open-webui.ts';
import type { Importer } from './types.ts';

/** Every format that can be read, by the alphabet. */
export const importers: readonly Importer[] = [openWebui];
