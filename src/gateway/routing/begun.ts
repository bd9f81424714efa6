import { asRatchetError } from '../../core/errors.ts';
import { type Body, createBody } from '../../providers/body.ts';
import { endedEarly } from '../stream.ts';

/** The same body, when its first piece is there: as long as nothing came, another target can still answer. */
export function begun(body: Body, provider: string): Promise<Body> {
  return new Promise((resolve, reject) => {
    const held = createBody({
      pause: () => body.pause(),
      resume: () => body.resume(),
      abort: () => body.cancel(),
    });
    let came = false;
    body.read({
      piece(bytes) {
        held.push(bytes);
        came = true;
        resolve(held.body);
      },
      end() {
        held.end();
        // An error knows where it was made, which takes time: none is made for every stream that ends.
        if (!came) reject(endedEarly(provider));
      },
      fail(error) {
        held.fail(error);
        reject(asRatchetError(error));
      },
    });
  });
}
