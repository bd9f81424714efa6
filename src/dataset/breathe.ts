import { setImmediate as turn } from 'node:timers/promises';

/** How long the event loop is kept, in ms. */
const longestMs = 20;

/** Gives the event loop a turn now and then, so that a long computation stays steerable and its process alive. */
export function createBreath(): () => Promise<void> | undefined {
  let since = performance.now();
  return () => {
    if (performance.now() - since < longestMs) return undefined;
    return turn().then(() => {
      since = performance.now();
    });
  };
}
