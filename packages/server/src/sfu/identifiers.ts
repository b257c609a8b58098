import { randomBytes, randomInt } from 'node:crypto';

/** Where the numbers and names of peers and streams come from. */
export interface Identifiers {
  /** Letters that SDP takes anywhere (token, RFC 8866 §9). */
  name(): string;
  /** 32 bits, not 0. */
  ssrc(): number;
  /** 16 bits. */
  sequenceNumber(): number;
  /** Digits for the origin line (RFC 8866 §5.2). */
  sessionId(): string;
}

export const randomIdentifiers: Identifiers = {
  name: () => randomBytes(12).toString('base64url'),
  ssrc: () => randomInt(1, 2 ** 32),
  sequenceNumber: () => randomInt(2 ** 16),
  sessionId: () => String(randomInt(1, 2 ** 47)),
};
