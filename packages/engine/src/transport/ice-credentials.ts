import { randomBytes } from 'node:crypto';

export interface IceCredentials {
  readonly ufrag: string;
  readonly password: string;
}

/** Random credentials of ice-chars (RFC 8839 §5.4): 48 bits to be found by, 144 to be trusted by. */
export function createIceCredentials(): IceCredentials {
  return { ufrag: iceChars(6), password: iceChars(18) };
}

function iceChars(byteCount: number): string {
  // base64 without padding is made of ice-chars: letters, digits, + and /.
  return randomBytes(byteCount).toString('base64');
}
