import type { KeyObject } from 'node:crypto';
import type { WireMessage } from '../../core/message.ts';
import { keyedHash } from './keyed-hash.ts';
import { type NormalMessage, normalise } from './normal-form.ts';

// A client that resends its history is recognised by keyed hashes over a normalised form of its messages. Only those
// that end in an answer of ours are stored, so that two chats which merely begin alike never meet.

/**
 * How much an exchange must say to be recognised without what came before it, in bytes of UTF-8. A character of English
 * text carries about one bit (Shannon 1951: 0.6 to 1.3), so the two together hold some 64 bits: "Thanks!" and "You're
 * welcome!" are in many chats, a question and an answer of this size are not.
 */
export const tellingBytes = { question: 16, answer: 48 };

/** Bits of a hash that are kept where nothing older has to be found: 128, in hex. */
const shortHash = 32;

/** What the answer to a request is remembered by. */
export interface Thread {
  /** Hash of all messages, each under the one before it. */
  whole: string;
  /** The same without instructions (system and developer messages), which a client may exchange at any time. */
  bare: string;
  /** Hash of the last question; null when there is none, or it is too short to be telling. */
  asked: string | null;
}

/** What an answer is found by; `exchange` is null where it and its question are not telling. */
export interface Point {
  whole: string;
  bare: string;
  exchange: string | null;
}

/** A request as threads see it: the answers in its history, oldest first, and where its own answer belongs. */
export interface History {
  points: Point[];
  thread: Thread;
}

/** Hashes a request. Every owner, and every user behind one, has threads of their own. */
export function hashHistory(
  key: KeyObject,
  { owner, scope = null, messages }: { owner: string; scope?: string | null; messages: readonly WireMessage[] },
): History {
  const { root, exchanges } = rootOf(key, owner, scope);
  let thread = root;
  const points: Point[] = [];
  for (const message of messages) {
    const normal = normalise(message);
    const next = extend(key, thread, message.role, normal);
    if (message.role === 'assistant') points.push({ ...next, exchange: exchangeOf(key, thread, normal) });
    thread = { ...next, asked: message.role === 'user' ? askedOf(key, exchanges, normal) : thread.asked };
  }
  return { points, thread };
}

/** The point that an answer to a request makes. */
export function answerPoint(key: KeyObject, thread: Thread, answer: WireMessage): Point {
  const normal = normalise(answer);
  return { ...extend(key, thread, 'assistant', normal), exchange: exchangeOf(key, thread, normal) };
}

/** Hashes of a point, those that say most first. */
export function hashesOf({ whole, bare, exchange }: Point): string[] {
  return exchange === null ? [whole, bare] : [whole, bare, exchange];
}

/** A thread as one column keeps it. */
export function encodeThread({ whole, bare, asked }: Thread): string {
  return [whole, bare, ...(asked === null ? [] : [asked])].join(':');
}

/** The inverse of {@link encodeThread}. A record of a version that kept only the first hash is still told by it. */
export function decodeThread(column: string): Thread {
  const [whole = '', bare = whole, asked = null] = column.split(':');
  return { whole, bare, asked };
}

/** Where the threads of a scope begin. */
interface Root {
  root: Thread;
  /** What its exchanges are hashed under. */
  exchanges: string;
}

const mostRoots = 1_000;
const roots = new WeakMap<KeyObject, Map<string, Root>>();

/** There are few scopes, and many requests of each. */
function rootOf(key: KeyObject, owner: string, scope: string | null): Root {
  const text = scope === null ? `thread\n${owner}` : `thread of a user\n${JSON.stringify([owner, scope])}`;
  let known = roots.get(key);
  if (!known || known.size >= mostRoots) roots.set(key, (known = new Map<string, Root>()));
  let found = known.get(text);
  if (!found) known.set(text, (found = makeRoot(key, text)));
  return found;
}

function makeRoot(key: KeyObject, text: string): Root {
  const whole = keyedHash(key, text);
  return {
    root: { whole, bare: short(keyedHash(key, `bare\n${whole}`)), asked: null },
    exchanges: keyedHash(key, `exchange\n${whole}`),
  };
}

function extend(key: KeyObject, { whole, bare }: Thread, role: string, { text }: NormalMessage) {
  const instructs = role === 'system' || role === 'developer';
  return {
    whole: keyedHash(key, `${whole}\n${text}`),
    bare: instructs ? bare : short(keyedHash(key, `${bare}\n${text}`)),
  };
}

function askedOf(key: KeyObject, exchanges: string, { text, weight }: NormalMessage): string | null {
  return weight < tellingBytes.question ? null : short(keyedHash(key, `${exchanges}\n${text}`));
}

function exchangeOf(key: KeyObject, { asked }: Thread, { text, weight }: NormalMessage): string | null {
  return asked === null || weight < tellingBytes.answer ? null : short(keyedHash(key, `${asked}\n${text}`));
}

function short(hash: string): string {
  return hash.slice(0, shortHash);
}
