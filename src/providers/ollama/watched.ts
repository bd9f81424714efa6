import type { ProviderAnswer } from '../types.ts';

export interface Watcher {
  /** Told of each piece. */
  heard(): void;
  /** Told once, with whether the answer was cut before its end. */
  over(cut: boolean): void;
}

/** The same answer, of which a watcher is told. */
export function watched(answer: ProviderAnswer, { heard, over }: Watcher): ProviderAnswer {
  const { body } = answer;
  let told = false;
  const tell = (cut: boolean): void => {
    if (told) return;
    told = true;
    over(cut);
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
            tell(false);
            reader.end();
          },
          fail(error) {
            tell(true);
            reader.fail(error);
          },
        }),
      cancel() {
        body.cancel();
        tell(true);
      },
    },
  };
}
