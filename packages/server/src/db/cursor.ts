import { AircheckError, StorableText } from '@aircheck/protocol';
import { z } from 'zod';

/** Place in a list that is ordered by a time and then an id, newest first. */
export interface Cursor {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly id: string;
}

const Encoded = z.tuple([z.int(), StorableText.max(300)]);

export function encodeCursor({ at, id }: Cursor): string {
  return Buffer.from(JSON.stringify([at, id])).toString('base64url');
}

/** @throws AircheckError `request-invalid` for what {@link encodeCursor} did not make */
export function decodeCursor(text: string): Cursor {
  try {
    const [at, id] = Encoded.parse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')));
    return { at, id };
  } catch (cause) {
    throw new AircheckError('request-invalid', 'cursor is not one that a list answered with', {
      cause,
      input: 'query.cursor',
    });
  }
}
