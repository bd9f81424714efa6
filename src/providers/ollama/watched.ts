import type { ProviderAnswer } from '../types.ts';

export interface Watcher {
  /** Told of each piece. */
  heard(): void;
  /** Told once, with whether the answer came to its end. */
  over(whole: boolean): void;
}

/** The same answer, of which a watcher is told. */
export function watched(answer: ProviderAnswer, { heard, over }: Watcher): ProviderAnswer {
  const { body } = answer;
  let told = false;
  const tell = (whole: boolean): void => {
    if (told) return;
    told = true;
    over(whole);
  };
  return {
    ...answer,
    body: {
      ...body,
      read: (reader) =>
        body.read({
          piece(bytes) {
            heard();
            reader.piece(bytes);
          },
          end() {
            tell(true);
            reader.end();
          },
          fail(error) {
            tell(false);
            reader.fail(error);
          },
        }),
      cancel() {
        body.cancel();
        tell(false);
      },
    },
  };
}
