/** Alert descriptions of RFC 5246 §7.2 that we send or tell apart. */
export const alertDescription = {
  closeNotify: 0,
  unexpectedMessage: 10,
  handshakeFailure: 40,
  badCertificate: 42,
  illegalParameter: 47,
  decodeError: 50,
  decryptError: 51,
  protocolVersion: 70,
  insufficientSecurity: 71,
  internalError: 80,
} as const;

export const alertLevel = { warning: 1, fatal: 2 } as const;

/** Why a handshake ended; the peer is told by an alert of this description. Never leaves the transport. */
export class DtlsError extends Error {
  override readonly name = 'DtlsError';
  readonly description: number;

  constructor(description: number, message: string) {
    super(message);
    this.description = description;
  }
}
