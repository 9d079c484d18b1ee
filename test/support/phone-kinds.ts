/** The phones on which a comparison with another program is made. */
import type { IosId } from '../../src/sim/index.js';

export interface PhoneKind {
  readonly ios: IosId;
  /** Backup encryption is on, with this password. */
  readonly password: string | undefined;
  /** For the name of a test: `iOS 17, encrypted`. */
  readonly name: string;
}

/** `IBK_TEST_ALL=1`: a matrix is run whole. */
export const IS_WHOLE = process.env['IBK_TEST_ALL'] === '1';

/**
 * Each of the given generations, plain and encrypted in turn: what one of them does, its neighbour does too, and two tests with another
 * first turn cover all together. With `IBK_TEST_ALL=1` each is run both ways.
 */
export function phoneKinds(ios: readonly IosId[], first: 'plain' | 'encrypted'): readonly PhoneKind[] {
  return ios.flatMap((id, turn) => {
    const isPlainsTurn = (turn % 2 === 0) === (first === 'plain');
    const plain = kindOf(id, undefined);
    const encrypted = kindOf(id, 'correct horse');
    if (IS_WHOLE) return [plain, encrypted];
    return [isPlainsTurn ? plain : encrypted];
  });
}

const kindOf = (ios: IosId, password: string | undefined): PhoneKind => ({
  ios,
  password,
  name: `iOS ${ios}, ${password === undefined ? 'plain' : 'encrypted'}`,
});
