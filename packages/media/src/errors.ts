/** What kind of input a {@link MediaError} is about. */
export type MediaErrorCode =
  | 'packet-malformed'
  | 'bitstream-malformed'
  | 'container-malformed'
  | 'container-unsupported'
  | 'tracks-unlike'
  | 'argument-invalid';

/** The only error that code in this package throws on purpose. */
export class MediaError extends Error {
  override readonly name = 'MediaError';
  readonly code: MediaErrorCode;

  /**
   * @param code - stable name of the condition
   * @param message - which input, at which offset, what was expected
   */
  constructor(code: MediaErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
