import { createInterface } from 'node:readline';

/** Lines of a person or a pipe. */
export interface Terminal {
  /** Shows a prompt and takes the next line; null at the end of the input. */
  ask(prompt: string): Promise<string | null>;
  write(text: string): void;
  /** Calls a function at every Ctrl-C until the next call. */
  onInterrupt(act: () => void): void;
  close(): void;
}

/** Opens the terminal. A line that comes while nobody asks waits for the next question. */
export function openTerminal(input: NodeJS.ReadableStream, output: NodeJS.WriteStream): Terminal {
  const lines = createInterface({ input, output, terminal: output.isTTY });
  const waiting = lines[Symbol.asyncIterator]();
  let interrupt = (): void => {};
  const act = (): void => interrupt();
  lines.on('SIGINT', act);
  process.on('SIGINT', act);
  return {
    async ask(prompt) {
      if (output.isTTY) {
        lines.setPrompt(prompt);
        lines.prompt();
      }
      const { done, value } = await waiting.next();
      return done ? null : value;
    },
    write: (text) => void output.write(text),
    onInterrupt: (next) => {
      interrupt = next;
    },
    close() {
      process.off('SIGINT', act);
      lines.close();
    },
  };
}
