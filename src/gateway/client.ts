/** Who asked, as the gateway sees them: a connection that takes text and may go away. */
export interface Client {
  /** Status and headers, once, before anything else. They leave with the first text, or with `flush`. */
  head(status: number, headers: Readonly<Record<string, string>>): void;
  /** Sends what there is, if only the head, before anything else is done. */
  flush(): void;
  /** Sends text in this tick. False when the client does not keep up: `onDrain` is told when it does again. */
  write(text: string): boolean;
  end(text: string): void;
  /** Told once, when the client goes away before the end. At once, when it is gone already. */
  onGone(callback: () => void): void;
  onDrain(callback: () => void): void;
  gone(): boolean;
}
