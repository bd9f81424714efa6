/** Resolves when this process is told to end: by a signal, or, with `lifeline`, when the process that started it is gone. */
export function untilStopped(lifeline: boolean): Promise<void> {
  return new Promise((resolve) => {
    const stop = () => {
      // An open standard input would keep the process alive.
      if (lifeline) process.stdin.destroy();
      resolve();
    };
    // Listeners that stay: to the owner of child processes, a signal that nobody listens to means the end of all of them.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
    if (lifeline) process.stdin.once('end', stop).once('error', stop).resume();
  });
}
