/** Cuts UTF-8 into lines, however its bytes were split. */
export interface Lines {
  /** The lines that are whole now. */
  push(bytes: Uint8Array): string[];
  /** The last line, where no line end follows it. */
  end(): string[];
  /** How many characters of a line that is not whole yet are kept. */
  pending(): number;
}

/** Creates the lines of one stream. */
export function createLines(): Lines {
  const decoder = new TextDecoder();
  let rest: string[] = [];
  let pending = 0;

  function cut(text: string): string[] {
    const [first = '', ...more] = text.split('\n');
    rest.push(first);
    pending += first.length;
    if (more.length === 0) return [];
    const last = more.pop() ?? '';
    const lines = [rest.join(''), ...more];
    rest = [last];
    pending = last.length;
    return lines;
  }

  return {
    push: (bytes) => cut(decoder.decode(bytes, { stream: true })),
    end: () => [...cut(decoder.decode()), rest.join('')],
    pending: () => pending,
  };
}
