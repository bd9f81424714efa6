/** Resolves when this process is told to end: by a signal, or, with `lifeline`, when the process that started it is gone. */
export function untilStopped(lifeline: boolean): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
    process.once('SIGHUP', () => resolve());
    if (!lifeline) return;
    process.stdin.once('end', resolve).once('error', () => resolve());
    process.stdin.resume();
  });
}
