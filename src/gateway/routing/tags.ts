import { type JsonObject, isObject } from '../../core/canonical.ts';

/** How many tags of one request are looked at. */
const most = 50;

/** Tags of a request: those of the header `x-ratchet-tags`, with commas between them, and of `metadata.tags`. */
export function tagsOf(header: string | undefined, envelope: JsonObject | undefined): string[] {
  const { metadata } = envelope ?? {};
  const listed = isObject(metadata) && Array.isArray(metadata.tags) ? metadata.tags : [];
  const named = (header ?? '').split(',').map((tag) => tag.trim());
  const texts = listed.filter((tag) => typeof tag === 'string');
  return [...new Set([...named, ...texts])].filter((tag) => tag !== '').slice(0, most);
}
