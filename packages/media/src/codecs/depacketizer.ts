/** One access unit put together from the payloads of its packets. */
export interface AssembledFrame {
  readonly data: Uint8Array;
  readonly keyFrame: boolean;
}

/**
 * Puts the payloads of one codec's RTP packets together. It is handed whole access units; where they begin and end, and
 * what got lost between them, is the {@link FrameAssembler}'s to know.
 */
export interface Depacketizer {
  /** Whether nothing of a frame is missing before this payload; asked where packets before it were lost. */
  startsFrame(payload: Uint8Array): boolean;
  /**
   * @param payloads - of all packets of one access unit, in order, none of them empty or missing
   * @returns the frame; `'empty'` when there is no picture or sound in it; `'damaged'` when the payloads are not what
   *   the codec's payload format says
   */
  assemble(payloads: readonly Uint8Array[]): AssembledFrame | 'empty' | 'damaged';
  /** Packets were lost for good before the next access unit. */
  packetsLost(): void;
}
