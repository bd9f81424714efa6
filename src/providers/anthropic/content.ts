import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import { refusal } from '../translation/refusal.ts';
import { textOf } from '../translation/text.ts';

/** The blocks of a message's content. Texts without a letter are left out, since the API refuses them. */
export function blocksOf(content: Json | undefined, at: string): JsonObject[] {
  if (content === undefined || content === null) return [];
  if (typeof content === 'string') return textBlocks(content);
  if (!Array.isArray(content)) throw refusal(`${at}.content must be a text or a list of parts.`, `${at}.content`);
  return content.flatMap((part, index) => blocksOfPart(part, `${at}.content.${index}`));
}

function textBlocks(text: string): JsonObject[] {
  return text.trim() === '' ? [] : [{ type: 'text', text }];
}

function blocksOfPart(part: Json, at: string): JsonObject[] {
  if (typeof part === 'string') return textBlocks(part);
  if (!isObject(part)) throw refusal(`${at} must be a part with a type.`, at);
  const blocks = blocksByType(part, at);
  const { cache_control: cache } = part;
  return isObject(cache) ? blocks.map((block) => ({ ...block, cache_control: cache })) : blocks;
}

function blocksByType(part: JsonObject, at: string): JsonObject[] {
  switch (textOf(part.type)) {
    case 'text':
    case 'input_text':
      return textBlocks(textOf(part.text));
    case 'refusal':
      return textBlocks(textOf(part.refusal));
    case 'image_url':
      return [{ type: 'image', source: imageSource(part, at) }];
    case 'file':
      return [fileBlock(isObject(part.file) ? part.file : {}, at)];
    default:
      throw refusal(
        `Anthropic takes no part of type "${textOf(part.type)}" (${at}): send text, images or files, or ask another model.`,
        at,
      );
  }
}

function imageSource({ image_url: image }: JsonObject, at: string): JsonObject {
  const url = isObject(image) ? image.url : image;
  if (typeof url === 'string' && /^https?:\/\//i.test(url)) return { type: 'url', url };
  const data = typeof url === 'string' ? dataUrl(url) : null;
  if (!data) throw refusal(`${at}.image_url must be an http URL, or a data URL in base64.`, `${at}.image_url`);
  return { type: 'base64', ...data };
}

/** A PDF, a plain text, or an image, as it is or by the id of one that was uploaded to Anthropic. */
function fileBlock(file: JsonObject, at: string): JsonObject {
  const title = typeof file.filename === 'string' ? { title: file.filename } : {};
  if (typeof file.file_id === 'string') {
    return { type: 'document', source: { type: 'file', file_id: file.file_id }, ...title };
  }
  const data = typeof file.file_data === 'string' ? dataUrl(file.file_data) : null;
  if (data?.media_type === 'application/pdf')
    return { type: 'document', source: { type: 'base64', ...data }, ...title };
  if (data?.media_type.startsWith('image/')) return { type: 'image', source: { type: 'base64', ...data } };
  if (data?.media_type === 'text/plain') {
    const text = Buffer.from(data.data, 'base64').toString('utf8');
    return { type: 'document', source: { type: 'text', media_type: 'text/plain', data: text }, ...title };
  }
  throw refusal(`${at}.file must be a PDF, a plain text or an image, as a data URL in base64.`, `${at}.file`);
}

function dataUrl(url: string): { media_type: string; data: string } | null {
  const comma = url.indexOf(',');
  // The head only: what follows may be megabytes.
  const head = /^data:([\w.+-]+\/[\w.+-]+)(?:;[\w=.-]+)*;base64$/i.exec(comma === -1 ? '' : url.slice(0, comma));
  return head?.[1] === undefined ? null : { media_type: head[1].toLowerCase(), data: url.slice(comma + 1) };
}
